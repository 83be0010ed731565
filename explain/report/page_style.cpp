#include "explain/report/page.h"

namespace cutaway::explain::page {

std::string_view style() {
  return R"css(
:root{color-scheme:light dark;--bg:#f5f6f8;--card:#fff;--ink:#1b1f27;--soft:#5d6573;--line:#e2e5ea;
--accent:#2f5bd7;--accent-soft:#e6edff;--good:#12805c;--good-soft:#def5ec;--bad:#c2352b;--bad-soft:#fde8e6;
--warn:#8a5a00;--warn-soft:#fff2d6;--stage:#eceef2;--shadow:0 1px 2px #0f172a0d,0 4px 16px #0f172a0a;--heat:.5}
@media(prefers-color-scheme:dark){:root:not([data-theme=light]){--bg:#101319;--card:#181c24;--ink:#e8ebf1;
--soft:#98a1b1;--line:#2a303b;--accent:#8fb0ff;--accent-soft:#22304f;--good:#5fd3a6;--good-soft:#143629;
--bad:#ff9188;--bad-soft:#40201e;--warn:#f2c463;--warn-soft:#3a2f14;--stage:#0c0f14;--shadow:none}}
:root[data-theme=dark]{--bg:#101319;--card:#181c24;--ink:#e8ebf1;--soft:#98a1b1;--line:#2a303b;
--accent:#8fb0ff;--accent-soft:#22304f;--good:#5fd3a6;--good-soft:#143629;--bad:#ff9188;--bad-soft:#40201e;
--warn:#f2c463;--warn-soft:#3a2f14;--stage:#0c0f14;--shadow:none;color-scheme:dark}
:root[data-theme=light]{color-scheme:light}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
.wrap{max-width:1600px;margin:0 auto;padding:0 28px}
header.wrap{padding-top:34px;padding-bottom:18px}
h1{font-size:27px;line-height:1.2;letter-spacing:-.015em;margin:0 0 4px;font-weight:680}
.subtitle{color:var(--soft);margin:0;font-size:16px}
.facts{display:flex;flex-wrap:wrap;gap:8px;margin:16px 0 0;padding:0;list-style:none}
.facts li{background:var(--card);border:1px solid var(--line);border-radius:999px;padding:3px 13px;
font-size:13.5px;color:var(--soft)}
.facts b{color:var(--ink);font-weight:620;font-variant-numeric:tabular-nums}
.note{color:var(--soft);font-size:13.5px;margin:10px 0 0}
.pager{display:flex;flex-wrap:wrap;gap:4px;padding-top:2px;padding-bottom:14px;font-size:14px;font-variant-numeric:tabular-nums}
.pager>*{padding:4px 11px;border-radius:8px;text-decoration:none}
.pager a[href]:hover{background:var(--accent-soft)}
.pager [aria-current]{background:var(--accent-soft);color:var(--accent);font-weight:640}
.pager .off{color:var(--soft);opacity:.55}
.bar{position:sticky;top:0;z-index:5;background:color-mix(in srgb,var(--bg) 88%,transparent);
backdrop-filter:blur(10px);border-bottom:1px solid var(--line);padding:10px 0;margin-bottom:20px}
.bar .wrap{display:flex;flex-wrap:wrap;gap:10px 14px;align-items:center}
input[type=search],select,.seg,.plain{font:inherit;font-size:14px;color:var(--ink);background:var(--card);
border:1px solid var(--line);border-radius:9px;height:36px}
input[type=search]{padding:0 12px;flex:1 1 auto;min-width:0;width:100%}
.find{flex:1 1 120px;max-width:340px}
select{padding:0 8px;max-width:172px}
.plain{padding:0 12px;cursor:pointer}
.seg{display:inline-flex;padding:3px;gap:2px;margin:0}
.seg legend{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.seg button{font:inherit;font-size:13.5px;border:0;background:none;color:var(--soft);border-radius:6px;
padding:0 9px;white-space:nowrap;cursor:pointer}
.seg button:hover{color:var(--ink)}
.seg button[aria-pressed=true]{background:var(--accent-soft);color:var(--accent);font-weight:600}
.slide{display:inline-flex;align-items:center;gap:8px;font-size:13.5px;color:var(--soft)}
.slide input[type=range]{width:88px;accent-color:var(--accent)}
.slide output{min-width:3.2ch;font-variant-numeric:tabular-nums}
.count{margin-left:auto;color:var(--soft);font-size:13.5px;font-variant-numeric:tabular-nums}
:focus-visible{outline:2.5px solid var(--accent);outline-offset:2px}
.row{display:grid;grid-template-columns:minmax(210px,260px) minmax(0,1fr);gap:24px;background:var(--card);
border:1px solid var(--line);border-radius:16px;padding:20px;margin:0 0 18px;box-shadow:var(--shadow);
scroll-margin-top:76px;content-visibility:auto;contain-intrinsic-size:auto 420px}
.row[hidden]{display:none}
.row h2{font-size:15px;line-height:1.35;font-weight:620;margin:12px 0 0;overflow-wrap:anywhere}
.photo{width:100%;background:var(--stage) var(--photo) center/100% 100% no-repeat}
.subject>.photo{border-radius:10px;aspect-ratio:var(--ratio)}
.truth{font-size:13.5px;color:var(--soft);margin:2px 0 0;overflow-wrap:anywhere}
.badge{display:inline-block;border-radius:999px;padding:1px 9px;font-size:12px;font-weight:620;margin-top:8px}
.right{background:var(--good-soft);color:var(--good)}
.wrong{background:var(--bad-soft);color:var(--bad)}
.predictions{list-style:none;margin:12px 0 0;padding:0;font-size:13.5px}
.predictions li{margin:0 0 7px}
.predictions .name{display:flex;gap:10px;justify-content:space-between}
.predictions .name span:first-child{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.predictions .name span:last-child{white-space:nowrap;color:var(--soft);font-variant-numeric:tabular-nums}
.track{height:4px;border-radius:3px;background:var(--stage);overflow:hidden;margin-top:2px}
.track i{display:block;height:100%;border-radius:3px;background:var(--soft);opacity:.55}
.predictions li:first-child .track i{background:var(--accent);opacity:1}
.predictions li:first-child .name span:first-child{font-weight:600}
.cells{display:grid;grid-template-columns:repeat(auto-fill,minmax(206px,1fr));gap:20px 18px;align-content:start}
figure{margin:0;min-width:0}
.stage{position:relative;display:grid;width:100%;padding:0;border:0;border-radius:10px;overflow:hidden;
background:var(--stage);cursor:zoom-in;font:inherit;aspect-ratio:var(--ratio)}
.stage>*{grid-area:1/1;width:100%;height:100%;display:block}
.stage img{object-fit:fill}
.stage .photo{display:none}
.over .photo{display:block}
.over img{opacity:var(--heat)}
[data-view=map] .over img{opacity:1}
[data-view=side] .stage{grid-template-columns:1fr 1fr;aspect-ratio:auto;gap:2px}
[data-view=side] .stage .photo{display:block;grid-area:1/1;height:auto;aspect-ratio:var(--ratio)}
[data-view=side] .stage img{grid-area:1/2;opacity:1;height:auto;aspect-ratio:var(--ratio)}
[data-view=side] .cells{grid-template-columns:repeat(auto-fill,minmax(320px,1fr))}
.shared{display:none!important}
[data-scale=shared] .has-shared .shared{display:block!important}
[data-scale=shared] .has-shared .own{display:none!important}
[data-scale=shared] .has-shared .legend.shared{display:grid!important}
figcaption{font-size:13px;margin-top:9px;color:var(--soft);line-height:1.45}
figcaption b{color:var(--ink);font-weight:620;font-size:14px}
figcaption code{font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--bg);
border:1px solid var(--line);border-radius:5px;padding:0 5px;margin-left:6px;overflow-wrap:anywhere}
.line{display:block;overflow-wrap:anywhere}
.legend{display:grid;grid-template-columns:auto 1fr auto;gap:8px;align-items:center;margin-top:6px;font-size:12px;
font-variant-numeric:tabular-nums}
.ramp{height:7px;border-radius:4px;border:1px solid color-mix(in srgb,var(--ink) 14%,transparent)}
.ramp.clip-low{border:0;clip-path:polygon(0 50%,7px 0,100% 0,100% 100%,7px 100%)}
.ramp.clip-high{border:0;clip-path:polygon(0 0,calc(100% - 7px) 0,100% 50%,calc(100% - 7px) 100%,0 100%)}
.ramp.clip-low.clip-high{clip-path:polygon(0 50%,7px 0,calc(100% - 7px) 0,100% 50%,calc(100% - 7px) 100%,7px 100%)}
.warning{display:block;background:var(--warn-soft);color:var(--warn);border-radius:7px;padding:3px 9px;
margin-top:7px;font-size:12.5px}
.error{background:var(--bad-soft);color:var(--bad);border-radius:10px;padding:12px 16px;align-self:start;
overflow-wrap:anywhere}
a{color:var(--accent)}
details{background:var(--card);border:1px solid var(--line);border-radius:16px;padding:14px 20px;margin:26px 0 0}
summary{font-weight:620;cursor:pointer}
.sections{display:grid;grid-template-columns:repeat(auto-fill,minmax(340px,1fr));gap:6px 36px;margin-top:8px}
h3{font-size:12px;text-transform:uppercase;letter-spacing:.07em;color:var(--soft);margin:14px 0 6px}
table{border-collapse:collapse;width:100%;font-size:13.5px}
td{padding:4px 0;border-top:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
td:first-child{color:var(--soft);padding-right:18px;white-space:nowrap;width:1%}
pre{font:12.5px/1.6 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--bg);
border:1px solid var(--line);border-radius:9px;padding:10px 14px;white-space:pre-wrap;overflow-wrap:anywhere;margin:0}
footer{color:var(--soft);font-size:13px;padding:22px 0 44px}
kbd{font:11.5px/1 ui-monospace,Menlo,Consolas,monospace;border:1px solid var(--line);border-bottom-width:2px;
border-radius:5px;padding:2px 5px;background:var(--card);color:var(--ink)}
.none{color:var(--soft);text-align:center;padding:60px 0}
dialog{border:0;padding:0;border-radius:18px;background:var(--card);color:var(--ink);width:min(94vw,860px);
max-height:94vh;box-shadow:0 24px 80px #0008;overflow:auto}
dialog::backdrop{background:#0b0d12c9}
.box{padding:18px 22px 22px}
.box .stage{cursor:default;width:min(100%,calc(64vh * var(--ratio-number,1)));margin:0 auto}
[data-view=side] .box .stage{width:100%}
.box figcaption{font-size:14px;margin-top:14px}
.tools{display:flex;gap:8px;align-items:center;margin-bottom:12px}
.tools strong{margin-right:auto;overflow-wrap:anywhere;font-size:15px}
@media(max-width:760px){.wrap{padding:0 14px}.row{grid-template-columns:minmax(0,1fr);padding:14px}
.subject{display:grid;grid-template-columns:120px minmax(0,1fr);gap:0 14px;align-content:start}
.subject>.photo{grid-row:1/6;align-self:start}.subject h2{margin-top:0}.badge{justify-self:start}.bar{position:static}
.cells{grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:14px 12px}}
@media print{.bar,footer,.plain,.pager{display:none}.row{break-inside:avoid;box-shadow:none}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
)css";
}

}  // namespace cutaway::explain::page
