// How values of one task are shown: as they are, or as their distance to the known optimum.

// The chosen scale where it can show the view's values, else one that can; and a sentence where it isn't the chosen one.
function scaleOf({ y, from, mid, low, high, points }, chosen) {
  const fitting = y.scale;
  const stored = [mid, low, high, ...(points ?? [])].flatMap((numbers) => [...(unpack(numbers) ?? [])]).filter(Number.isFinite);
  const isReached = from !== undefined && !stored.some((value) => value > 0);
  if (chosen === "optimum" && from === undefined) return [fitting, "The optimum of this task is not known."];
  if (chosen === "optimum" && isReached) return ["linear", "No distance is left: all reached the optimum."];
  if (chosen === "optimum") return ["distance", ""];
  if (chosen === "auto" && from !== undefined && !isReached && stored.every((value) => value >= 0)) return ["distance", ""];
  if (chosen === "auto") return [fitting, ""];
  const lowest = Math.min(...(from ? stored.map((value) => from.optimum + from.sign * value) : stored));
  if (chosen === "log" && lowest <= 0) return ["linear", "Some values are not above 0, so the scale is linear."];
  return [chosen, ""];
}

// A view as its chosen scale shows it. With `from`, its numbers are distances: sign * (value - optimum).
function onScale(view, chosen) {
  const [scale, remark] = scaleOf(view, chosen);
  const note = [view.note, remark].filter(Boolean).join(" ");
  if (scale === "distance") {
    const y = { ...view.y, label: `distance to the optimum, ${view.y.label}`, scale, best: "low" };
    return { ...view, y, note: `${note} Where the optimum is reached, marks stand on the edge.` };
  }
  if (view.from === undefined) return { ...view, y: { ...view.y, scale }, note };
  const { optimum, sign } = view.from;
  const [mid, low, high] = [view.mid, view.low, view.high].map((numbers) => unpack(numbers)?.map((each) => optimum + sign * each));
  const points = view.points?.map((row) => unpack(row).map((each) => optimum + sign * each));
  return { ...view, y: { ...view.y, scale }, note, mid, low: sign > 0 ? low : high, high: sign > 0 ? high : low, points };
}
