// Reads a streamed answer with what Node and browsers bring themselves, and prints its text: node fetch.mjs URL
const [baseURL] = process.argv.slice(2);
const body = JSON.stringify({ model: 'chat', stream: true, messages: [{ role: 'user', content: 'hello' }] });
const answer = await fetch(`${baseURL}/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });

let text = '';
let rest = '';
for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + part).split('\n');
  rest = lines.pop();
  for (const line of lines) {
    if (line.startsWith('data: {')) text += JSON.parse(line.slice(6)).choices[0]?.delta?.content ?? '';
  }
}
console.log(JSON.stringify([answer.headers.get('x-sparekey-credential'), text]));
