/** What is fetched beside the socket. The link's secret goes in a header, so that no log has it. */

/** The content as a Blob; null when there is none or it cannot be had. */
export async function fetched(path, secret) {
  try {
    const response = await fetch(path, { headers: { authorization: `Bearer ${secret}` } });
    return response.status === 200 ? await response.blob() : null;
  } catch {
    return null;
  }
}

/** Hand a file to whoever sits here. */
export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
