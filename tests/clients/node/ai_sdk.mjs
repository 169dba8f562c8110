// Vercel's AI SDK, with each of its providers that speak these APIs.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateObject, generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { joined, KEY, MODEL, run, URL, weather } from "./cases.mjs";

const baseURL = `${URL}/v1`;
const openai = createOpenAI({ baseURL, apiKey: KEY });
const compatible = createOpenAICompatible({
  name: "gptoss",
  baseURL,
  apiKey: KEY,
  supportsStructuredOutputs: true,
});
const models = {
  chat: openai.chat(MODEL),
  responses: openai.responses(MODEL),
  compatible: compatible(MODEL),
  messages: createAnthropic({ baseURL, apiKey: KEY })(MODEL),
};
const Place = z.object({ city: z.string(), degrees: z.number().int() });
// Without it, no chain of thought is shown.
const providerOptions = {
  openai: { reasoningSummary: "auto", forceReasoning: true },
  anthropic: { thinking: { type: "adaptive" } },
};

function asked(model, prompt, results) {
  const told = tool({
    description: "The weather.",
    inputSchema: z.object({ city: z.string() }),
    execute: async (given) => results[results.push(weather(given)) - 1],
  });
  return { model, prompt, maxRetries: 0, tools: { weather: told }, stopWhen: stepCountIs(3) };
}

const functions = {
  text: async (model, prompt) => (await generateText({ model, prompt, maxRetries: 0 })).text,
  stream: (model, prompt) => joined(streamText({ model, prompt, maxRetries: 0 }).textStream),
  async thought(model, prompt) {
    const made = await generateText({ model, prompt, maxRetries: 0, providerOptions });
    return [made.reasoningText, made.text];
  },
  async streamed_thought(model, prompt) {
    const made = streamText({ model, prompt, maxRetries: 0, providerOptions });
    return [await made.reasoningText, await made.text];
  },
  async tool(model, prompt) {
    const results = [];
    const { text } = await generateText(asked(model, prompt, results));
    return [...results, text];
  },
  async streamed_tool(model, prompt) {
    const results = [];
    const text = await streamText(asked(model, prompt, results)).text;
    return [...results, text];
  },
  async shape(model, prompt) {
    return (await generateObject({ model, prompt, schema: Place, maxRetries: 0 })).object;
  },
  async output_shape(model, prompt) {
    const output = Output.object({ schema: Place });
    const held = { anthropic: { structuredOutputMode: "outputFormat" } };
    const given = { model, prompt, output, maxRetries: 0, providerOptions: held };
    return (await generateText(given)).output;
  },
};

const named = Object.entries(models).flatMap(([name, model]) =>
  Object.entries(functions).map(([does, each]) => [
    `${name}_${does}`,
    (question) => each(model, question),
  ]),
);
await run(Object.fromEntries(named));
