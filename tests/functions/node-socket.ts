import { connect } from "node:net";
import type { Connect } from "../../supabase/functions/_tally/postgres/open-connection.ts";

/** Node's sockets as Deno has them. `piece`: at most so many bytes are read at once. */
export function connectWithNode(piece = Number.POSITIVE_INFINITY): Connect {
  return async ({ hostname, port }) => {
    const socket = connect({ host: hostname, port });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    socket.on("error", () => {});
    const chunks = socket.iterator() as AsyncIterator<Buffer>;
    let left: Buffer = Buffer.alloc(0);
    return {
      read: async (into) => {
        if (left.length === 0) {
          const next = await chunks.next().catch(() => ({ done: true as const, value: undefined }));
          if (next.done) return null;
          left = next.value;
        }
        const count = Math.min(left.length, into.length, piece);
        into.set(left.subarray(0, count));
        left = left.subarray(count);
        return count;
      },
      write: (bytes) =>
        new Promise((resolve, reject) => {
          socket.write(bytes, (error) => (error ? reject(error) : resolve(bytes.length)));
        }),
      close: () => void socket.destroy(),
    };
  };
}
