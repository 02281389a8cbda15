// Sets the theme before the page is painted: what was chosen in the settings, else the system's.
{
  let chosen = null;
  try { chosen = localStorage.getItem("theme"); } catch { /* storage is off in some frames */ }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
