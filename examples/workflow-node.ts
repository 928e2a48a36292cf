/** A node of a workflow that calls a model: its cost is counted for the workflow. */
import { type AIModelRequest, executeWithTracking } from "@tallybase/client";

/** What the node is configured with. */
export interface AINode {
  config: Pick<AIModelRequest, "provider" | "model" | "messages" | "temperature" | "maxTokens">;
}

/** Whose workflow runs. */
export interface WorkflowContext {
  organizationId: string;
  workflowId: string;
  userId?: string;
}

/** What the node hands on. */
export type NodeResult =
  | {
      success: true;
      output: string;
      metadata: { cost: number | null; tokens: number; model: string };
    }
  | { success: false; error: string };

/** Runs the node. A failure is a result: the workflow decides what to do with it. */
export async function executeAINode(node: AINode, context: WorkflowContext): Promise<NodeResult> {
  try {
    const { content, cost, usage, model } = await executeWithTracking(
      { ...node.config, stream: false },
      context,
    );
    return { success: true, output: content, metadata: { cost, tokens: usage.totalTokens, model } };
  } catch (error) {
    return { success: false, error: error instanceof Error ? error.message : "Unknown error" };
  }
}
