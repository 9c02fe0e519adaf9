// The openai package for Node with another `baseURL`.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodFunction, zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const MODEL = "smollm2-135m";
const EMAIL = "ann.smith@example.com";
const REPEAT = [{ role: "user", content: `Repeat exactly: ${EMAIL}` }];
const WEATHER = [{ role: "user", content: "How is the weather in Oslo?" }];
const PARIS = [{ role: "user", content: "Paris is a city in France. Give name and country as JSON." }];
const City = z.object({ name: z.string(), country: z.string() });
const TOOL = zodFunction({ name: "weather", parameters: z.object({ city: z.string() }) });

const client = (more = {}) =>
  new OpenAI({ baseURL: process.env.GATEWAY_BASE, apiKey: process.env.GATEWAY_KEY, maxRetries: 0, ...more });
const asked = (more = {}) => ({ model: MODEL, messages: REPEAT, temperature: 0, max_tokens: 60, ...more });

export async function an_answer_has_the_callers_own_values_and_its_usage() {
  const answer = await client().chat.completions.create(asked());
  assert.ok(answer.choices[0].message.content.includes(EMAIL));
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.equal(answer.model, MODEL);
  assert.ok(answer.usage.total_tokens > answer.usage.completion_tokens);
  assert.ok(answer._request_id);
}

export async function a_streamed_one_says_the_same_and_its_usage() {
  const body = asked({ max_tokens: 46 });
  const stream = await client().chat.completions.create({ ...body, stream: true, stream_options: { include_usage: true } });
  let said = "";
  let usage = null;
  for await (const chunk of stream) {
    said += chunk.choices[0]?.delta?.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.equal(said, (await client().chat.completions.create(body)).choices[0].message.content);
  assert.ok(usage.total_tokens > 10);
}

export async function the_streaming_helper_puts_the_chunks_together() {
  const stream = client().chat.completions.stream(asked({ max_tokens: 45 }));
  let said = "";
  stream.on("content", (piece) => (said += piece));
  assert.ok((await stream.finalContent()).includes(EMAIL));
  assert.equal(said, await stream.finalContent());
}

export async function a_system_message_is_part_of_the_prompt() {
  const hello = [{ role: "user", content: "Hello!" }];
  const pirate = [{ role: "system", content: "You are a pirate and answer in one short sentence." }, ...hello];
  const [told, bare] = [
    await client().chat.completions.create(asked({ messages: pirate, max_tokens: 20 })),
    await client().chat.completions.create(asked({ messages: hello, max_tokens: 20 })),
  ];
  assert.ok(told.choices[0].message.content);
  assert.notEqual(told.usage.prompt_tokens, bare.usage.prompt_tokens);
}

export async function the_headers_of_an_answer_can_be_read() {
  const { data, response } = await client().chat.completions.create(asked()).withResponse();
  assert.equal(response.headers.get("x-request-id"), data._request_id);
  assert.ok(Number(response.headers.get("x-gateway-overhead-ms")) > 0);
}

export async function parse_fills_a_zod_schema() {
  const answer = await client().chat.completions.parse(
    asked({ messages: PARIS, max_tokens: 150, response_format: zodResponseFormat(City, "city") }),
  );
  assert.ok(City.parse(answer.choices[0].message.parsed));
}

export async function a_required_tool_is_called_whole_and_streamed() {
  const offered = { tools: [TOOL], tool_choice: "required", parallel_tool_calls: false };
  const body = asked({ messages: WEATHER, max_tokens: 80, ...offered });
  const [choice] = (await client().chat.completions.parse(body)).choices;
  const [call] = choice.message.tool_calls;
  assert.equal(choice.finish_reason, "tool_calls");
  assert.equal(typeof call.function.parsed_arguments.city, "string");
  const streamed = await client().chat.completions.stream(body).finalChatCompletion();
  assert.equal(streamed.choices[0].message.tool_calls[0].function.arguments, call.function.arguments);
  const messages = [...WEATHER, choice.message, { role: "tool", tool_call_id: call.id, content: "It rains." }];
  const after = await client().chat.completions.create(asked({ messages, tools: [TOOL], max_tokens: 8 }));
  assert.ok(after.usage.completion_tokens > 0);
}

export async function texts_become_vectors() {
  const made = await client().embeddings.create({ model: "e5", input: ["a red car", "a blue car"] });
  const [one, other] = made.data.map((each) => each.embedding);
  assert.ok(one.length === other.length && one.length > 8);
  assert.notDeepEqual(one, other);
}

export async function a_wrong_key_is_an_authentication_error() {
  const stranger = client({ apiKey: "sk-nothing" });
  await assert.rejects(stranger.models.list(), (e) => e instanceof OpenAI.AuthenticationError && e.code === "invalid_api_key");
}

export async function a_prompt_that_is_too_long_is_a_bad_request() {
  const messages = [{ role: "user", content: "many words ".repeat(3000) }];
  const refused = (e) => e instanceof OpenAI.BadRequestError && e.code === "context_length_exceeded";
  await assert.rejects(client().chat.completions.create(asked({ messages })), refused);
}

export async function an_unknown_model_is_not_found() {
  const refused = (e) => e instanceof OpenAI.NotFoundError && e.code === "model_not_found" && e.param === "model";
  await assert.rejects(client().chat.completions.create(asked({ model: "gpt-9" })), refused);
}

export async function the_models_are_listed() {
  const names = [];
  for await (const each of client().models.list()) names.push(each.id);
  assert.ok(names.includes(MODEL) && names.includes("e5"));
}

export async function a_stream_can_be_left() {
  const messages = [{ role: "user", content: "Tell a very long story." }];
  const stream = await client().chat.completions.create({ ...asked({ messages, max_tokens: 500 }), ignore_eos: true, stream: true });
  for await (const _ of stream) break;
  assert.ok(stream.controller.signal.aborted);
}
