// Calls the service Echo with jayson at each URL given, and prints what it got, one line of JSON a URL.
'use strict';

const jayson = require('jayson/promise');

async function report(url) {
  const client = jayson.Client.http(url);

  // The result of a call. `params` is an array (by position) or an object (by name).
  const call = async (method, params) => {
    const { result, error } = await client.request(method, params);
    if (error) throw new Error(JSON.stringify(error));
    return result;
  };

  // The error that a call must end in.
  const errorOf = async (method, params) => {
    const { error } = await client.request(method, params);
    if (!error) throw new Error(`${method} gave no error`);
    return error;
  };
  const codeOf = async (method, params) => (await errorOf(method, params)).code;

  // A notification on its own is answered by nothing.
  const nothing = await client.request('Echo.add', [3, 4], null);
  if (nothing !== undefined) throw new Error(`a notification was answered by ${JSON.stringify(nothing)}`);

  return {
    by_position: await call('Echo.add', [2, 3]),
    by_name: await call('Echo.add', { b: 3, a: 2 }),
    list: await call('Echo.concat', [['wher', 'é', 'ver']]),
    value: await call('Echo.echo', [{ text: 'é"\n', list: [1, -2.5, null, true], empty: {} }]),
    node: await call('Echo.whoami', []),
    batch: await batch(client),
    failure: await errorOf('Echo.fail', { code: 7 }),
    unknown_method: await codeOf('Echo.nothing', []),
    unknown_service: await codeOf('Nothing.add', [2, 3]),
    bad_argument: await codeOf('Echo.add', ['2', 3]),
    missing_argument: await codeOf('Echo.add', { a: 2 }),
    extra_argument: await codeOf('Echo.add', [2, 3, 4]),
  };
}

// Four calls, one of them a notification; the others' replies are told apart by their ids.
async function batch(client) {
  const replies = await client.request([
    client.request('Echo.add', [1, 2], 'sum', false),
    client.request('Echo.add', [3, 4], null, false),
    client.request('Echo.concat', { parts: ['by ', 'name'] }, 'text', false),
    client.request('Echo.fail', [9], 'failure', false),
  ]);
  if (replies.length !== 3) throw new Error(`${replies.length} replies`);
  const reply = (id) => replies.find((each) => each.id === id);
  return [reply('sum').result, reply('text').result, reply('failure').error.code];
}

(async () => {
  for (const url of process.argv.slice(2)) console.log(JSON.stringify(await report(url)));
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
