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
