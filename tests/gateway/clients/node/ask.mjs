// Asks the gateway in one way with the npm package openai, and prints what came back as JSON: node ask.mjs URL WAY
import OpenAI from 'openai';

const [baseURL, way] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: 'x', maxRetries: 0 });
const messages = [{ role: 'user', content: 'Where is the spare key?' }];
const asked = { model: 'chat', messages };
const query = { type: 'object', properties: { query: { type: 'string' } }, required: ['query'], additionalProperties: false };
const tools = [{ type: 'function', function: { name: 'find', parameters: query, strict: true } }];

const ways = {
  async whole() {
    const { data, response } = await client.chat.completions.create(asked).withResponse();
    return [data.choices[0].message.content, response.headers.get('x-sparekey-credential')];
  },
  async streamed() {
    let text = '';
    for await (const chunk of await client.chat.completions.create({ ...asked, stream: true })) {
      text += chunk.choices[0]?.delta?.content ?? '';
    }
    return text;
  },
  async tools() {
    const call = (await client.chat.completions.create({ ...asked, tools })).choices[0].message;
    const result = { role: 'tool', tool_call_id: call.tool_calls[0].id, content: 'under the stone' };
    const said = await client.chat.completions.create({ ...asked, tools, messages: [...messages, call, result] });
    return [JSON.parse(call.tool_calls[0].function.arguments), said.choices[0].message.content];
  },
  async tools_streamed() {
    const answer = await client.chat.completions.stream({ ...asked, tools }).finalChatCompletion();
    return answer.choices[0].message.tool_calls[0].function.parsed_arguments;
  },
  async structured() {
    const format = { type: 'json_schema', json_schema: { name: 'found', schema: query, strict: true } };
    return JSON.parse((await client.chat.completions.create({ ...asked, response_format: format })).choices[0].message.content);
  },
  async float() {
    return (await client.embeddings.create({ model: 'embedding', input: 'a', encoding_format: 'float' })).data[0].embedding;
  },
  async base64() { // which the package asks for by itself
    return (await client.embeddings.create({ model: 'embedding', input: 'a' })).data[0].embedding;
  },
  async error() {
    try {
      return await client.chat.completions.create(asked);
    } catch (error) {
      return [error.constructor.name, error.status, /all 2 credentials of this chain failed: chat-first, chat-second/.test(error.message)];
    }
  },
};

console.log(JSON.stringify(await ways[way]()));
