// Reads a stream that breaks off with every SDK of every wire, and prints what became of each as JSON, one line an address: node broken.mjs URL...
import Anthropic from '@anthropic-ai/sdk';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { streamText } from 'ai';
import { GoogleGenAI as GenAI1 } from 'genai-1';
import { GoogleGenAI as GenAI2 } from 'genai-2';
import OpenAI7 from 'openai';
import OpenAI6 from 'openai-6';

globalThis.AI_SDK_LOG_WARNINGS = false;
let base;
const prompt = 'Where is the spare key?';
const messages = [{ role: 'user', content: prompt }];
const once = { apiKey: 'x', maxRetries: 0 };

async function all(events, text) {
  let found = '';
  for await (const event of await events) found += text(event) ?? '';
  return found;
}

const chunk = (event) => event.choices[0]?.delta?.content;
const delta = (event) => (event.type === 'response.output_text.delta' ? event.delta : '');
const openai = (SDK) => new SDK({ baseURL: `${base}/v1`, ...once });
const anthropic = () => new Anthropic({ baseURL: base, ...once });
const genai = (SDK) => new SDK({ apiKey: 'x', httpOptions: { baseUrl: base } }).models;
const vercel = (model) => streamText({ model, prompt, maxRetries: 0, onError() {} });

const ways = {
  'chat openai 7': () => all(openai(OpenAI7).chat.completions.create({ model: 'chat', messages, stream: true }), chunk),
  'chat openai 6': () => all(openai(OpenAI6).chat.completions.create({ model: 'chat', messages, stream: true }), chunk),
  'chat ai': () => all(vercel(createOpenAI({ baseURL: `${base}/v1`, apiKey: 'x' }).chat('chat')).textStream, (text) => text),
  'chat ai text': () => vercel(createOpenAI({ baseURL: `${base}/v1`, apiKey: 'x' }).chat('chat')).text,
  'responses openai 7': () => all(openai(OpenAI7).responses.create({ model: 'chat', input: prompt, stream: true }), delta),
  'responses openai 7 final': async () => (await openai(OpenAI7).responses.stream({ model: 'chat', input: prompt }).finalResponse()).output_text,
  'responses openai 6': () => all(openai(OpenAI6).responses.create({ model: 'chat', input: prompt, stream: true }), delta),
  'responses ai': () => all(vercel(createOpenAI({ baseURL: `${base}/v1`, apiKey: 'x' }).responses('chat')).textStream, (text) => text),
  'responses ai text': () => vercel(createOpenAI({ baseURL: `${base}/v1`, apiKey: 'x' }).responses('chat')).text,
  'anthropic sdk': () => all(anthropic().messages.create({ model: 'claude', max_tokens: 99, messages, stream: true }), (event) => event.delta?.text),
  'anthropic sdk final': () => anthropic().messages.stream({ model: 'claude', max_tokens: 99, messages }).finalText(),
  'anthropic ai': () => all(vercel(createAnthropic({ baseURL: `${base}/v1`, apiKey: 'x' })('claude')).textStream, (text) => text),
  'anthropic ai text': () => vercel(createAnthropic({ baseURL: `${base}/v1`, apiKey: 'x' })('claude')).text,
  'gemini genai 1': () => all(genai(GenAI1).generateContentStream({ model: 'gemini', contents: prompt }), (event) => event.text),
  'gemini genai 2': () => all(genai(GenAI2).generateContentStream({ model: 'gemini', contents: prompt }), (event) => event.text),
  'gemini ai': () => all(vercel(createGoogleGenerativeAI({ baseURL: `${base}/v1beta`, apiKey: 'x' })('gemini')).textStream, (text) => text),
  'gemini ai text': () => vercel(createGoogleGenerativeAI({ baseURL: `${base}/v1beta`, apiKey: 'x' })('gemini')).text,
};

for (base of process.argv.slice(2)) {
  const found = {};
  for (const [way, read] of Object.entries(ways)) {
    try {
      found[way] = ['ends', await read()];
    } catch (error) {
      found[way] = ['raises', `${error.constructor.name}: ${error.message}`.slice(0, 300)];
    }
  }
  console.log(JSON.stringify(found));
}
