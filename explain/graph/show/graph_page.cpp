#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "explain/graph/show/show_graph.h"
#include "explain/pictures/resample.h"
#include "explain/pictures/write_image.h"
#include "explain/report/report.h"

namespace cutaway::explain {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kStyle = R"css(
body{font:14px system-ui,sans-serif;margin:0;background:#fafafa;color:#20242c;display:grid;grid-template-columns:260px 1fr;height:100vh}
#list{overflow:auto;border-right:1px solid #ddd;padding:8px}
#list h3{margin:10px 0 4px;font-size:13px}
.n{display:inline-block;width:52px;margin:2px;cursor:pointer;border:2px solid transparent;border-radius:4px;text-align:center;font-size:10px;color:#667}
.n.on{border-color:#c33}
main{overflow:auto;padding:14px}
h2{margin:4px 0;font-size:17px} h4{margin:14px 0 6px;font-size:13px;color:#556}
.p{display:inline-block;border-radius:3px;background-repeat:no-repeat}
.i{display:inline-block;position:relative;margin:3px}
.i img{display:block;border-radius:3px}
.d{position:absolute;width:12px;height:12px;margin:-8px 0 0 -8px;border:2px solid #fff;border-radius:50%;background:#e33;box-shadow:0 0 3px #000}
button{font:inherit;cursor:pointer}
)css";

constexpr const char* kScript = R"js(
const D=JSON.parse(document.getElementById('data').textContent),S=D.side,I=D.images;
const $=i=>document.getElementById(i);
function patch(l,k,i,z){const n=D.layers[l].nodes[k],e=document.createElement('span');e.className='p';
 const side=D.patch,x=n.x[i],y=n.y[i],f=z/side;e.style.width=e.style.height=z+'px';
 e.style.backgroundImage='url('+I[i]+')';e.style.backgroundSize=(S*f)+'px '+(S*f)+'px';
 const c=v=>Math.max(0,Math.min(S-side,v-side/2))*f;
 e.style.backgroundPosition=(-c(x))+'px '+(-c(y))+'px';e.title='picture '+i+', score '+n.s[i].toFixed(2);return e}
function thumb(l,k){const n=D.layers[l].nodes[k],e=document.createElement('span');e.className='n';e.id='n'+l+'_'+k;
 e.append(patch(l,k,n.best[0],48));e.append(document.createElement('br'),'f'+n.f+'.'+n.p);
 e.onclick=()=>choose(l,k);return e}
function row(box,list){box.textContent='';if(!list.length)box.textContent='none among the nodes shown';
 for(const [l,k] of list){const t=thumb(l,k);t.id='';box.append(t)}}
function choose(l,k){const L=D.layers[l],n=L.nodes[k];
 document.querySelectorAll('.n.on').forEach(e=>e.classList.remove('on'));
 const t=$('n'+l+'_'+k);if(t)t.classList.add('on');
 $('title').textContent=L.name+': filter '+n.f+', node '+n.p;
 $('facts').textContent='rank score '+n.rank.toFixed(2)+' times the layer mean; scale '+n.delta.toFixed(1)+' pixels';
 $('patches').textContent='';for(const i of n.best)$('patches').append(patch(l,k,i,84),' ');
 row($('parents'),n.up.map(j=>[l+1,j]));
 const down=[];if(l>0)D.layers[l-1].nodes.forEach((m,j)=>{if(m.up.includes(k))down.push([l-1,j])});
 row($('children'),down);
 const box=$('images');box.textContent='';
 const order=[...I.keys()].sort((a,b)=>n.s[b]-n.s[a]);
 for(const i of order){const e=document.createElement('span');e.className='i';
  const m=document.createElement('img');m.src=I[i];m.width=m.height=112;e.append(m);
  if(n.s[i]>0){const d=document.createElement('span');d.className='d';d.style.left=(n.x[i]+.5)*112/S+'px';d.style.top=(n.y[i]+.5)*112/S+'px';
   d.style.opacity=Math.max(.15,Math.min(1,n.s[i]/n.s[order[0]]));e.append(d)}
  e.title='score '+n.s[i].toFixed(2);box.append(e)}
 location.hash=l+'.'+k}
for(let l=D.layers.length-1;l>=0;l--){const h=document.createElement('h3');h.textContent=D.layers[l].name;$('list').append(h);
 D.layers[l].nodes.forEach((n,k)=>$('list').append(thumb(l,k)))}
const m=location.hash.match(/^#(\d+)\.(\d+)$/);
if(m&&D.layers[+m[1]]&&D.layers[+m[1]].nodes[+m[2]])choose(+m[1],+m[2]);else choose(D.layers.length-1,0);
)js";

double rounded(double v, double unit) { return std::round(v / unit) * unit; }

Json node_json(const Scene& scene,
               std::size_t l,
               std::int32_t n,
               std::int64_t pictures,
               std::int64_t patches,
               const std::vector<std::int32_t>& above) {
  const auto& layer = scene.graph().layers[l];
  const auto at = static_cast<std::size_t>(n);
  Json x = Json::array();
  Json y = Json::array();
  Json score = Json::array();
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < pictures; ++i) {
    const auto p = scene.place(l, n, i);
    x.push_back(rounded(p.w, 0.25));
    y.push_back(rounded(p.h, 0.25));
    score.push_back(
        rounded(static_cast<double>(scene.records[l].total.at(n, i)) / layer.score_unit, 0.01));
    order.push_back(i);
  }
  std::ranges::stable_sort(order, [&](std::int64_t a, std::int64_t b) {
    return scene.records[l].total.at(n, a) > scene.records[l].total.at(n, b);
  });
  order.resize(std::min(order.size(), static_cast<std::size_t>(patches)));
  Json up = Json::array();
  for (std::int64_t j = 0; j < layer.parents; ++j) {
    const std::int32_t e = layer.edges[static_cast<std::size_t>(n * layer.parents + j)];
    const auto found = std::ranges::find(above, e);
    if (found != above.end()) up.push_back(found - above.begin());
  }
  return {{"f", n / layer.spec.nodes},
          {"p", n % layer.spec.nodes},
          {"rank", static_cast<double>(layer.rank[at])},
          {"delta", layer.spec.stride * static_cast<double>(layer.delta[at])},
          {"x", x},
          {"y", y},
          {"s", score},
          {"best", order},
          {"up", up}};
}

/// Nodes of every layer: the best of the lowest; of the others the best half, and for the rest the
/// parents that the nodes chosen below have most often, so that there are edges to follow.
std::vector<std::vector<std::int32_t>> chosen_nodes(const graph::ExplanatoryGraph& graph,
                                                    std::int64_t most) {
  std::vector<std::vector<std::int32_t>> chosen;
  for (std::size_t l = 0; l < graph.layers.size(); ++l) {
    std::vector<std::int32_t> order = by_rank(graph.layers[l]);
    const std::size_t count = std::min(order.size(), static_cast<std::size_t>(most));
    if (l > 0) {
      const auto& below = graph.layers[l - 1];
      std::vector<std::int64_t> children(order.size());
      for (const std::int32_t n : chosen[l - 1]) {
        for (std::int64_t j = 0; j < below.parents; ++j) {
          const auto at = static_cast<std::size_t>(n * below.parents + j);
          if (below.edges[at] >= 0) ++children[static_cast<std::size_t>(below.edges[at])];
        }
      }
      const auto rest = order.begin() + static_cast<std::ptrdiff_t>((count + 1) / 2);
      std::stable_sort(rest, order.end(), [&](std::int32_t a, std::int32_t b) {
        return children[static_cast<std::size_t>(a)] > children[static_cast<std::size_t>(b)];
      });
    }
    order.resize(count);
    chosen.push_back(std::move(order));
  }
  return chosen;
}

}  // namespace

std::string graph_page(const Scene& scene, const std::vector<Image>& large, const ShowOptions& o) {
  const std::int64_t pictures = std::min(o.page_pictures, scene.images());
  Json data{{"side", scene.side},
            {"patch", o.patch * scene.side / 224},
            {"images", Json::array()},
            {"layers", Json::array()}};
  for (std::int64_t i = 0; i < pictures; ++i) {
    const Image small =
        resize(large[static_cast<std::size_t>(i)], 160, 160, Resample::kBilinearPil);
    data["images"].push_back("data:image/jpeg;base64," + base64(encode_jpeg(small, {82, false})));
  }
  const std::vector<std::vector<std::int32_t>> nodes = chosen_nodes(scene.graph(), o.page_nodes);
  for (std::size_t l = 0; l < nodes.size(); ++l) {
    const std::vector<std::int32_t> none;
    Json list = Json::array();
    for (const std::int32_t n : nodes[l]) {
      list.push_back(
          node_json(scene, l, n, pictures, 12, l + 1 < nodes.size() ? nodes[l + 1] : none));
    }
    data["layers"].push_back({{"name", scene.graph().layers[l].spec.name}, {"nodes", list}});
  }
  std::string text = data.dump(-1, ' ', true, Json::error_handler_t::replace);
  // Inside a script element '<' could end it.
  for (std::size_t at = 0; (at = text.find('<', at)) != std::string::npos;)
    text.replace(at, 1, "\\u003c");
  return "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Explanatory "
         "graph</title>"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src "
         "data:; style-src "
         "'unsafe-inline'; script-src 'unsafe-inline'\"><style>" +
         std::string(kStyle) +
         "</style></head><body><div id=\"list\"></div><main><h2 id=\"title\"></h2><div "
         "id=\"facts\"></div>"
         "<h4>where it scores highest</h4><div id=\"patches\"></div>"
         "<h4>parents: nodes above that move with it</h4><div id=\"parents\"></div>"
         "<h4>children: nodes below that move with it</h4><div id=\"children\"></div>"
         "<h4>its place in the pictures, best first</h4><div id=\"images\"></div></main>"
         "<script type=\"application/json\" id=\"data\">" +
         text + "</script><script>" + kScript + "</script></body></html>\n";
}

std::string graph_dot(const graph::ExplanatoryGraph& graph, std::int64_t most) {
  std::string text =
      "digraph explanatory_graph {\n  rankdir=BT;\n  node [shape=box, fontsize=9];\n";
  const std::vector<std::vector<std::int32_t>> chosen = chosen_nodes(graph, most);
  std::vector<std::set<std::int32_t>> shown;
  for (std::size_t l = 0; l < graph.layers.size(); ++l) {
    const auto& layer = graph.layers[l];
    const std::vector<std::int32_t>& nodes = chosen[l];
    shown.emplace_back(nodes.begin(), nodes.end());
    text += "  subgraph layer" + std::to_string(l) + " {\n    rank=same;\n";
    for (const std::int32_t n : nodes) {
      std::string name;
      for (const char c : layer.spec.name)
        name += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
      char rank[32];
      std::snprintf(rank, sizeof rank, "%.2f",
                    static_cast<double>(layer.rank[static_cast<std::size_t>(n)]));
      text += "    l" + std::to_string(l) + "n" + std::to_string(n) + " [label=\"" + name +
              "\\nfilter " + std::to_string(n / layer.spec.nodes) + " node " +
              std::to_string(n % layer.spec.nodes) + "\\n" + rank + "\"];\n";
    }
    text += "  }\n";
  }
  for (std::size_t l = 0; l + 1 < graph.layers.size(); ++l) {
    const auto& layer = graph.layers[l];
    for (const std::int32_t n : shown[l]) {
      for (std::int64_t j = 0; j < layer.parents; ++j) {
        const std::int32_t e = layer.edges[static_cast<std::size_t>(n * layer.parents + j)];
        if (!shown[l + 1].contains(e)) continue;
        text += "  l" + std::to_string(l) + "n" + std::to_string(n) + " -> l" +
                std::to_string(l + 1) + "n" + std::to_string(e) + ";\n";
      }
    }
  }
  return text + "}\n";
}

}  // namespace cutaway::explain
