// Draws the page's charts from the specifications that stand beside them, and once more for paper.
(() => {
  const views = [];
  const options = { mode: "vega-lite", renderer: "svg", actions: false, tooltip: { theme: "page" } };
  for (const plot of document.querySelectorAll("[data-spec]")) {
    const spec = JSON.parse(document.getElementById(plot.dataset.spec).textContent);
    const missing = plot.textContent; // what stands there where no script runs
    vegaEmbed(plot, spec, options)
      .then((result) => views.push([plot, result.view]))
      .catch((error) => {
        plot.textContent = missing;
        console.error(error);
      });
  }
  const paperWidth = 660;
  const fit = (width) => views.forEach(([plot, view]) => view.width(width || plot.clientWidth).resize().run());
  addEventListener("beforeprint", () => fit(paperWidth));
  addEventListener("afterprint", () => fit(0));
})();
