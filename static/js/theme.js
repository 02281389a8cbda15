// Sets the theme before the page is painted: the one chosen in the settings, or the system's.
{
  let chosen = null;
  try { chosen = localStorage.getItem("theme"); } catch { /* storage is off in some frames */ }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
