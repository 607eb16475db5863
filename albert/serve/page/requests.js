// SPDX-License-Identifier: Apache-2.0
// Requests to the server.

export function grouped(number) {
  return number.toLocaleString("en");
}

// Returns the content of the answer; throws what is to be told to the user.
export async function call(url, options) {
  let response, text;
  try {
    response = await fetch(url, options);
    text = await response.text();
  } catch {
    throw new Error("The server does not answer: has it ended?");
  }
  let content;
  try {
    content = JSON.parse(text);
  } catch {
    throw new Error(`The server answered with status ${response.status}.`);
  }
  if (!response.ok) {
    throw new Error(content.error);
  }
  return content;
}

export function post(url, body) {
  return call(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body,
  });
}
