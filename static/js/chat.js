// The chat page's scripts, one module for each feature.
import "./view.js";
import "./notice.js";
import "./composer.js";
import "./attachments.js";
import "./scroll.js";
import "./sidebar.js";
import "./chats.js";
import "./status.js";
import "./picker.js";
import "./palette.js";
import "./commands.js";
import "./reader.js";
import "./shortcuts.js";
import "./connection.js";
import "./announce.js";
import "./times.js";
