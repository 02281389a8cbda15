// The choice of theme. Other pages follow by themselves (theme.js), this one shows what was chosen in another tab.
const choice = document.getElementById("theme");
choice.hidden = false;
const show = (theme) => { (choice.querySelector(`[value="${theme}"]`) ?? choice.querySelector("input")).checked = true; };
try { show(localStorage.getItem("theme") ?? "system"); } catch { /* storage is off in some frames */ }
addEventListener("storage", ({ key, newValue }) => { if (key === "theme") show(newValue ?? "system"); });
choice.addEventListener("change", (event) => {
  const value = event.target.value;
  try { localStorage.setItem("theme", value); } catch { /* applies to this page only */ }
  if (value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = value;
});
