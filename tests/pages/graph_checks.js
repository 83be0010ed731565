// Runs inside the page of an explanatory graph; pages_test.sh reads what it leaves in the title.
(() => {
'use strict';
const wrong = [];
const check = (what, got, want) => { if (got !== want) wrong.push(what + ': ' + got + ', not ' + want); };
const $ = id => document.getElementById(id);
const data = JSON.parse($('data').textContent), top = data.layers.length - 1;

check('nodes in the list', document.querySelectorAll('#list .n').length,
      data.layers.reduce((sum, layer) => sum + layer.nodes.length, 0));
// The page opens on the best node of the highest layer; a click chooses another, and the address follows.
check('address at first', location.hash, '#' + top + '.0');
$('n0_1').click();
check('address', location.hash, '#0.1');
check('chosen', document.querySelectorAll('.n.on').length, 1);
const node = data.layers[0].nodes[1];
check('title', $('title').textContent, data.layers[0].name + ': filter ' + node.f + ', node ' + node.p);
check('patches', $('patches').children.length, node.best.length);
check('pictures', $('images').children.length, data.images.length);
check('places', $('images').querySelectorAll('.d').length, node.s.filter(s => s > 0).length);
check('parents', $('parents').querySelectorAll('.n').length, node.up.length);
// A parent's children hold the node it was reached from.
const up = $('parents').querySelector('.n');
if (up) {
  up.click();
  const parent = node.up[0];
  check('address of the parent', location.hash, '#1.' + parent);
  check('children', $('children').querySelectorAll('.n').length,
        data.layers[0].nodes.filter(n => n.up.includes(parent)).length);
}
document.title = wrong.length ? 'FAILED ' + wrong.join('; ') : 'PASSED';
})();
