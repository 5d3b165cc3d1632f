#!/usr/bin/env node
// The build is made by `npm run build`, which `npm ci` runs.
import "../dist/src/main.js";
