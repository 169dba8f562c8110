// OpenAI's own client.
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { joined, KEY, MODEL, run, URL, weather } from "./cases.mjs";

const client = new OpenAI({ baseURL: `${URL}/v1`, apiKey: KEY, maxRetries: 0 });
const Place = z.object({ city: z.string(), degrees: z.number().int() });
const parameters = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const WEATHER = { name: "weather", description: "The weather.", parameters };
const ask = (question) => ({ model: MODEL, messages: [{ role: "user", content: question }] });

async function* deltas(stream, read) {
  for await (const event of stream) yield read(event) ?? "";
}

await run({
  async chat_text(question) {
    return (await client.chat.completions.create(ask(question))).choices[0].message.content;
  },
  async chat_stream(question) {
    const stream = await client.chat.completions.create({ ...ask(question), stream: true });
    return joined(deltas(stream, (chunk) => chunk.choices[0].delta.content));
  },
  async chat_shape(question) {
    const response_format = zodResponseFormat(Place, "place");
    const made = await client.chat.completions.parse({ ...ask(question), response_format });
    return made.choices[0].message.parsed;
  },
  async chat_tool(question) {
    const results = [];
    const called = (given) => results[results.push(weather(given)) - 1];
    const tools = [{ type: "function", function: { ...WEATHER, parse: JSON.parse, function: called } }];
    const runner = client.chat.completions.runTools({ ...ask(question), tools });
    const text = await runner.finalContent();
    return [...results, text];
  },
  async chat_streamed_tool(question) {
    const results = [];
    const called = (given) => results[results.push(weather(given)) - 1];
    const tools = [{ type: "function", function: { ...WEATHER, parse: JSON.parse, function: called } }];
    const runner = client.chat.completions.runTools({ ...ask(question), tools, stream: true });
    const text = await runner.finalContent();
    return [...results, text];
  },
  async responses_text(question) {
    return (await client.responses.create({ model: MODEL, input: question })).output_text;
  },
  async responses_stream(question) {
    const stream = client.responses.stream({ model: MODEL, input: question });
    const text = await joined(
      deltas(stream, (event) => (event.type === "response.output_text.delta" ? event.delta : "")),
    );
    const whole = (await stream.finalResponse()).output_text;
    return whole === text ? text : [text, whole];
  },
  async responses_shape(question) {
    const text = { format: zodTextFormat(Place, "place") };
    return (await client.responses.parse({ model: MODEL, input: question, text })).output_parsed;
  },
  async responses_tool(question) {
    const input = [{ role: "user", content: question }];
    const tools = [{ type: "function", strict: true, ...WEATHER }];
    const first = await client.responses.create({ model: MODEL, input, tools, store: false });
    const call = first.output.at(-1);
    const output = weather(JSON.parse(call.arguments));
    input.push(...first.output, { type: "function_call_output", call_id: call.call_id, output });
    const last = await client.responses.create({ model: MODEL, input, tools, store: false });
    return [output, last.output_text];
  },
});
