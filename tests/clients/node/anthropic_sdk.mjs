// Anthropic's own client.
import Anthropic from "@anthropic-ai/sdk";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { z } from "zod";
import { KEY, MODEL, run, URL, weather } from "./cases.mjs";

const client = new Anthropic({ baseURL: URL, apiKey: KEY, maxRetries: 0 });
const Place = z.object({ city: z.string(), degrees: z.number().int() });
const ask = (question) => ({
  model: MODEL,
  max_tokens: 1000,
  messages: [{ role: "user", content: question }],
});

async function toolRun(question, stream) {
  const results = [];
  const tool = betaZodTool({
    name: "weather",
    description: "The weather.",
    inputSchema: z.object({ city: z.string() }),
    run: (given) => results[results.push(weather(given)) - 1],
  });
  const runner = client.beta.messages.toolRunner({ ...ask(question), tools: [tool], stream });
  const last = await runner.runUntilDone();
  return [...results, last.content.at(-1).text];
}

await run({
  async text(question) {
    return (await client.messages.create(ask(question))).content[0].text;
  },
  async stream(question) {
    const stream = client.messages.stream(ask(question));
    const texts = [];
    stream.on("text", (piece) => texts.push(piece));
    const whole = await stream.finalText();
    return texts.join("") === whole ? whole : [texts, whole];
  },
  async thought(question) {
    const thinking = { type: "adaptive" };
    const { content } = await client.messages.stream({ ...ask(question), thinking }).finalMessage();
    return [content[0].thinking, content[1].text];
  },
  async shape(question) {
    const output_config = { format: zodOutputFormat(Place) };
    return (await client.messages.parse({ ...ask(question), output_config })).parsed_output;
  },
  tool: (question) => toolRun(question, false),
  streamed_tool: (question) => toolRun(question, true),
});
