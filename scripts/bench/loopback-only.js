/**
 * Loaded by `node --import` into a server of others that would listen on every address: whatever it is told, it listens on
 * 127.0.0.1, and says where.
 */
/* global console */
import { Server } from "node:net";

const listen = Server.prototype.listen;

Server.prototype.listen = function (...args) {
  const [first] = args;
  const wanted = typeof first === "object" && first !== null ? first.port : first;
  const callback = args.findLast((argument) => typeof argument === "function");
  this.once("listening", () => console.log(`listens on http://127.0.0.1:${this.address().port}`));
  return listen.call(this, { port: Number(wanted), host: "127.0.0.1" }, callback);
};
