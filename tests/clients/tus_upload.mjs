// Uploads a file with tus-js-client, as a program in Node.js does; prints the upload's address.
// Arguments: endpoint, API key, file, and options as JSON (chunkSize, parallelUploads).
import { createReadStream, statSync } from 'node:fs';
import * as tus from 'tus-js-client';

const [endpoint, key, file, options] = process.argv.slice(2);

const upload = new tus.Upload(createReadStream(file), {
  endpoint,
  uploadSize: statSync(file).size,
  retryDelays: Array(300).fill(100),
  headers: { Authorization: `Bearer ${key}` },
  metadata: { filename: 'from node.mp4', job: 'null' },
  onError: (error) => {
    console.error(String(error));
    process.exit(1);
  },
  onSuccess: () => console.log(upload.url),
  ...JSON.parse(options),
});
upload.start();
