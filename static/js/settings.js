// The choice of theme.
const choice = document.getElementById("theme");
choice.hidden = false;
let theme = "system";
try { theme = localStorage.getItem("theme") ?? "system"; } catch { /* storage is off in some frames */ }
choice.querySelector(`[value="${theme}"]`).checked = true;
choice.addEventListener("change", (event) => {
  const value = event.target.value;
  try { localStorage.setItem("theme", value); } catch { /* applies to this page only */ }
  if (value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = value;
});
