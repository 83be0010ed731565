(() => {
'use strict';
const root = document.documentElement, $ = id => document.getElementById(id);
const list = $('rows'), rows = [...list.querySelectorAll('.row')];
const box = $('box'), body = document.body;
document.querySelector('.bar').hidden = false;

// --- view, scale, heat weight, theme
const segments = (id, apply) => {
  const group = $(id);
  if (!group) return () => {};
  const buttons = [...group.querySelectorAll('button')];
  const set = value => {
    buttons.forEach(b => b.setAttribute('aria-pressed', String(b.value === value)));
    apply(value);
  };
  buttons.forEach(b => b.addEventListener('click', () => set(b.value)));
  return set;
};
const setView = segments('view', v => { body.dataset.view = v; $('heat').disabled = v !== 'overlay'; });
segments('scale', v => { body.dataset.scale = v; });
$('heat')?.addEventListener('input', e => {
  root.style.setProperty('--heat', e.target.value / 100);
  $('heat-value').textContent = e.target.value + '%';
});
$('theme').addEventListener('click', () => {
  const dark = root.dataset.theme ? root.dataset.theme === 'dark'
                                  : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
});

// --- filter and sort
let verdict = 'all';
const refresh = () => {
  const words = $('find').value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const r of rows) {
    const text = r.dataset.text;
    const fits = (verdict === 'all' || r.dataset.verdict === verdict) && words.every(w => text.includes(w));
    r.hidden = !fits;
    shown += fits;
  }
  $('count').textContent = shown < rows.length ? shown + ' of ' + rows.length : shown === 1 ? '1 image' : shown + ' images';
  $('none').hidden = shown > 0;
};
$('find').addEventListener('input', refresh);
segments('verdict', v => { verdict = v; refresh(); });
const number = (r, key, missing) => r.dataset[key] === '' ? missing : Number(r.dataset[key]);
const text = (a, b, key) => a.dataset[key].localeCompare(b.dataset[key], undefined, {numeric: true});
const rank = {wrong: 0, correct: 1, unknown: 2, failed: 3};
const orders = {
  given: () => 0,
  name: (a, b) => text(a, b, 'name'),
  predicted: (a, b) => text(a, b, 'predicted'),
  truth: (a, b) => text(a, b, 'truth'),
  high: (a, b) => number(b, 'confidence', -1) - number(a, 'confidence', -1),
  low: (a, b) => number(a, 'confidence', 2) - number(b, 'confidence', 2),
  wrong: (a, b) => rank[a.dataset.verdict] - rank[b.dataset.verdict] ||
                   number(b, 'confidence', -1) - number(a, 'confidence', -1),
};
$('sort').addEventListener('change', e => {
  [...rows].map((r, i) => [r, i])
    .sort((a, b) => orders[e.target.value](a[0], b[0]) || a[1] - b[1])
    .forEach(([r]) => list.append(r));
});

// --- enlarge
let at = null;
const visible = () => [...list.querySelectorAll('.row:not([hidden])')];
const show = stage => {
  at = stage;
  const row = stage.closest('.row'), figure = stage.closest('figure').cloneNode(true);
  const copy = figure.querySelector('.stage'), plain = document.createElement('div');
  plain.className = copy.className;
  plain.setAttribute('style', copy.getAttribute('style') || '');
  plain.append(...copy.childNodes);
  copy.replaceWith(plain);
  $('box-figure').replaceChildren(figure);
  $('box-figure').setAttribute('style', row.getAttribute('style') || '');
  $('box-title').textContent = row.dataset.name;
  if (!box.open) box.showModal();
};
const step = (dx, dy) => {
  if (!at) return;
  const all = visible(), row = at.closest('.row'), cells = [...row.querySelectorAll('button.stage')];
  const x = cells.indexOf(at), y = all.indexOf(row);
  if (dx) {
    const next = cells[x + dx];
    if (next) show(next);
    return;
  }
  for (let i = y + dy; i >= 0 && i < all.length; i += dy) {
    const others = all[i].querySelectorAll('button.stage');
    if (others.length) return show(others[Math.min(x, others.length - 1)]);
  }
};
list.addEventListener('click', e => {
  const stage = e.target.closest('button.stage');
  if (stage) show(stage);
});
box.addEventListener('click', e => { if (e.target === box) box.close(); });
box.addEventListener('close', () => { if (at) { at.focus(); at = null; } });
$('box-previous').addEventListener('click', () => step(-1, 0));
$('box-next').addEventListener('click', () => step(1, 0));
$('box-close').addEventListener('click', () => box.close());

// --- keyboard
const jump = d => {
  const all = visible();
  if (!all.length) return;
  const here = all.indexOf(document.activeElement.closest('.row'));
  const next = all[Math.max(0, Math.min(all.length - 1, here < 0 ? 0 : here + d))];
  next.focus();
  next.scrollIntoView({block: 'start'});
};
const arrows = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
document.addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  if (box.open && arrows[e.key]) { e.preventDefault(); step(...arrows[e.key]); return; }
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName)) {
    if (e.key === 'Escape') e.target.blur();
    return;
  }
  if (e.key === '/') { e.preventDefault(); $('find').focus(); }
  else if (e.key === 'j') jump(1);
  else if (e.key === 'k') jump(-1);
  else if (e.key === 'o') setView('overlay');
  else if (e.key === 'm') setView('map');
  else if (e.key === 's') setView('side');
});
refresh();
})();
