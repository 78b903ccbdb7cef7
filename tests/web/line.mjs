// A line to the service that can be cut: a TCP relay.
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { origin } from "./service.mjs";

/** A relay on a port of its own, for one test. While it is cut, whoever comes is turned away. */
export async function openLine(t) {
  const { hostname, port } = new URL(origin);
  const sockets = new Set();
  let isCut = false;
  const server = createServer((near) => {
    if (isCut) {
      near.destroy();
      return;
    }
    const far = connect(Number(port), hostname);
    for (const [socket, other] of [[near, far], [far, near]]) {
      sockets.add(socket);
      socket.pipe(other);
      socket.on("error", () => {}); // "close" follows
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const cut = () => {
    isCut = true;
    sockets.forEach((socket) => socket.destroy());
  };
  t.after(() => {
    cut();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, cut, mend: () => (isCut = false) };
}
