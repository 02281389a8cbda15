// The scripts of a shared chat's page.
import "./reader.js";
import "./times.js";
