/** As much of a supabase-js client as Realtime needs. */
export interface RealtimeLike {
  channel(topic: string, options: { config: { private: boolean } }): ChannelLike;
  removeChannel(channel: never): unknown;
  realtime?: { setAuth(token?: string | null): Promise<void> | void };
}

/** A channel of Realtime. */
export interface ChannelLike {
  on(type: "broadcast", filter: { event: string }, listener: () => void): unknown;
  subscribe(listener: (status: string) => void): unknown;
}

/**
 * Listens for hints that an organization's quotas have changed.
 *
 * @param onHint - Something changed: ask again.
 * @param onState - Whether hints arrive at present; while they do not, polling has to do.
 * @returns Stops listening.
 */
export function listenForHints(
  supabase: RealtimeLike,
  organizationId: string,
  onHint: () => void,
  onState: (isLive: boolean) => void,
): () => void {
  let isOver = false;
  let channel: ChannelLike | undefined;
  const start = async () => {
    // A private channel is joined with the user's own token, which has to be set before.
    await supabase.realtime?.setAuth();
    if (isOver) return;
    const topic = `tallybase:organization:${organizationId}`;
    channel = supabase.channel(topic, { config: { private: true } });
    channel.on("broadcast", { event: "quota" }, onHint);
    channel.subscribe((status) => !isOver && onState(status === "SUBSCRIBED"));
  };
  // Without Realtime everything works, only later.
  start().catch(() => onState(false));
  return () => {
    isOver = true;
    if (channel) void supabase.removeChannel(channel as never);
  };
}
