// Runs the functions that are asked for, each with its question, and prints what they give as JSON.
import { readFileSync } from "node:fs";

// Of the server; OpenAI's API is below /v1.
export const URL = process.argv[2];
export const MODEL = "gpt-oss-20b";
export const KEY = "none";

// Standard input has an object of names and questions.
export async function run(functions) {
  const given = {};
  for (const [name, question] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) {
    try {
      given[name] = await functions[name](question);
    } catch (error) {
      given[name] = String(error?.stack ?? error);
    }
  }
  console.log(JSON.stringify(given));
}

export const weather = ({ city }) => `7 degrees in ${city}`;

export async function joined(pieces) {
  let text = "";
  for await (const piece of pieces) text += piece;
  return text;
}
