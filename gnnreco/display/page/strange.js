// What makes the event strange: hits lit up by how much of the score they give, and the score in numbers.
const strange = event?.strange ?? null, gives = i => strange ? D.h_strange[i] : 0;
const lit = () => strange !== null && state.show.strange;
const strangeSpan = (() => { // of the colour scale: three powers of ten at most
  let high = 0, low = Infinity;
  if (strange) for (const v of D.h_strange) if (v > 0) { high = Math.max(high, v); low = Math.min(low, v); }
  return high > 0 ? [Math.min(Math.max(low, high / 1000), high / 1.001), high] : [1, 2];
})();
const strangeShare = i => Math.max(0, Math.min(1, Math.log(gives(i) / strangeSpan[0]) / Math.log(strangeSpan[1] / strangeSpan[0])));
const strangePaint = i => gives(i) > 0 ? ramp(strangeShare(i)) : rgb(inks().noise);

function lightUp(mine) { // points alone, but those of what is selected: cells have their colour from hitPaint
  if (!lit()) return;
  for (let i = 0; i < nHits; i++) {
    if (asCell[i] || mine(D.h_track[i]) || D.h_particle[i] >= 0 && mine(nFound + D.h_particle[i])) continue;
    strangePaint(i).forEach((v, c) => { hitColour[4 * i + c] = v; });
    hitColour[4 * i + 3] = gives(i) > 0 ? 255 : 70;
    if (hitSize[i]) hitSize[i] = gives(i) > 0 ? Math.min(255, Math.round(largeHit * (1 + strangeShare(i)))) : Math.max(24, largeHit / 2.2);
  }
}

function buildStrange() {
  const facts = make("div", { id: "strange" }), rows = [["Score", figure(strange.score)], ["p-value", figure(strange.p_value, 3)]];
  for (const [name, value] of strange.parts) rows.push([`from ${name}`, (value < 0 ? "" : "+") + figure(value, 3)]);
  fill(facts, { title: "", rows });
  panel.append(make("h2", {}, "How strange it is"), facts);
  panel.append(toggle("strange", null, () => strange.hits, "Hits that make it so"));
  panel.append(...rampRow(() => lit() && strange.hits && strangeSpan.map(v => figure(v, 2))));
  panel.append(make("p", { className: "sub" }, `Parts are above the middle normal event; named hits give ${figure(strange.of_hits, 3)} of the score.`));
}
