/** A chat session whose every turn is metered: what a React hook or a server's route would call. */
import {
  type AIModelRequest,
  type ExecutionContext,
  executeWithTracking,
  isQuotaExceeded,
} from "@tallybase/client";

/** One line of a conversation. */
export interface Message {
  role: "user" | "assistant";
  content: string;
}

/** A conversation and who has it. */
export interface Session {
  model: Pick<AIModelRequest, "provider" | "model">;
  context: ExecutionContext;
  messages: Message[];
}

/** What became of a turn. */
export interface Turn {
  answer: string | null;
  /** What to tell the user when there is no answer. */
  error: string | null;
  costUsd: number | null;
}

/** Sends the session's messages to its model and adds the answer. */
export async function executeAgent(session: Session, maxTokens = 1000): Promise<Turn> {
  const { model, context, messages } = session;
  try {
    const response = await executeWithTracking(
      { ...model, messages, temperature: 0.7, maxTokens, stream: false },
      context,
    );
    messages.push({ role: "assistant", content: response.content });
    return { answer: response.content, error: null, costUsd: response.cost };
  } catch (error) {
    if (!isQuotaExceeded(error)) throw error;
    return { answer: null, error: "Usage quota exceeded. Ask your administrator.", costUsd: 0 };
  }
}
