// Runs inside a report of five creatures, two methods each; pages_test.sh reads what it leaves in the title.
(() => {
'use strict';
const wrong = [];
const check = (what, got, want) => { if (got !== want) wrong.push(what + ': ' + got + ', not ' + want); };
const $ = id => document.getElementById(id);
const rows = () => [...document.querySelectorAll('#rows .row')];
const shown = () => rows().filter(r => !r.hidden);
const type = text => { $('find').value = text; $('find').dispatchEvent(new Event('input')); };
const press = key => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
const sort = by => { $('sort').value = by; $('sort').dispatchEvent(new Event('change')); };
const names = () => rows().map(r => r.dataset.name).join(' ');

const count = rows().length, given = names();
check('rows at first', shown().length, count);
check('count', $('count').textContent, count + ' images');

// The filter keeps what holds all words, whatever their case, and counts it.
type(rows()[1].dataset.name.toUpperCase());
check('rows of one name', shown().length, 1);
check('count of one', $('count').textContent, '1 of ' + count);
type('no such creature');
check('rows of none', shown().length, 0);
check('the words for none', $('none').hidden, false);
type('');
check('rows after clearing', shown().length, count);

// Orders: by confidence both ways, and back to the given one.
sort('high');
const high = rows().map(r => Number(r.dataset.confidence));
check('most confident first', high.every((c, i) => i === 0 || c <= high[i - 1]), true);
sort('low');
const low = rows().map(r => Number(r.dataset.confidence));
check('least confident first', low.every((c, i) => i === 0 || c >= low[i - 1]), true);
sort('given');
check('the given order', names(), given);

// Keys and buttons choose the view; one button is pressed at a time.
press('m');
check('view by key', document.body.dataset.view, 'map');
check('pressed view', [...$('view').querySelectorAll('[aria-pressed=true]')].map(b => b.value).join(), 'map');
$('view').querySelector('[value=side]').click();
check('view by button', document.body.dataset.view, 'side');
press('o');
$('heat').value = 80;
$('heat').dispatchEvent(new Event('input'));
check('heat', $('heat-value').textContent, '80%');

// The enlarged map: opened by a click, moved by arrows within the shown rows, closed by its button.
const box = $('box'), stages = rows()[0].querySelectorAll('button.stage');
check('two maps a row', stages.length, 2);
stages[0].click();
check('box open', box.open, true);
check('box title', $('box-title').textContent, rows()[0].dataset.name);
const figure = () => $('box-figure').querySelector('figcaption')?.textContent;
const first = figure();
press('ArrowRight');
check('the next method', figure() !== first, true);
press('ArrowDown');
check('the next row', $('box-title').textContent, rows()[1].dataset.name);
$('box-close').click();
check('box closed', box.open, false);

// j and k walk through the rows.
document.activeElement.blur();
press('j');
check('j', document.activeElement, rows()[0]);
press('j');
press('k');
check('k', document.activeElement, rows()[0]);

// Every picture was decoded, and nothing was asked of a network.
check('pictures', [...document.images].every(i => i.complete && i.naturalWidth > 0), true);
check('outside', performance.getEntriesByType('resource').filter(r => !r.name.startsWith('data:')).length, 0);

document.title = wrong.length ? 'FAILED ' + wrong.join('; ') : 'PASSED';
})();
