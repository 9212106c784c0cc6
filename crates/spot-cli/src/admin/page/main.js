// Puts the page together.
import { onChange, poll } from "./state.js";
import { drawHeader } from "./header.js";
import { drawTopology } from "./topology.js";
import { drawLists } from "./lists.js";
import { drawCharts } from "./charts.js";
import { followEvents } from "./events.js";

onChange(drawHeader);
onChange(drawTopology);
onChange(drawLists);
onChange(drawCharts);

for (const path of ["/api/v1/node", "/readyz", "/api/v1/cluster", "/api/v1/peers"]) poll(path, 1000);
// There may be ten thousand of them.
poll("/api/v1/topics", 5000);
followEvents();
