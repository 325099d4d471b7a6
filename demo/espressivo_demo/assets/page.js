// Runs once when the page is loaded: playheads that follow a player, and a click on a chart that moves the player.
() => {
  const player = (chart) => document.querySelector(chart.dataset.player);
  const follow = () => {
    for (const chart of document.querySelectorAll("[data-player]")) {
      const media = player(chart);
      const head = chart.querySelector(".playhead");
      if (!media || !head) continue;
      const { left, width, seconds } = chart.dataset;
      const share = Math.min(1, media.currentTime / seconds);
      head.style.left = `${100 * (+left + +width * share)}%`;
      head.style.opacity = media.currentTime > 0 ? 1 : 0;
    }
    requestAnimationFrame(follow);
  };
  requestAnimationFrame(follow);
  document.addEventListener("click", (event) => {
    const chart = event.target.closest("[data-player]");
    const media = chart && player(chart);
    if (!media) return;
    const box = chart.getBoundingClientRect();
    const share = ((event.clientX - box.left) / box.width - chart.dataset.left) / chart.dataset.width;
    media.currentTime = Math.min(1, Math.max(0, share)) * chart.dataset.seconds;
  });
}
