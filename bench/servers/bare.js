const { createServer } = require("node:http");
const { createHmac, timingSafeEqual } = require("node:crypto");

const secret = process.env.BENCH_SECRET;

function isSigned(body, given) {
  const digest = createHmac("sha256", secret).update(body).digest("base64");
  return given.length === digest.length && timingSafeEqual(Buffer.from(given), Buffer.from(digest));
}

createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const signed = isSigned(Buffer.concat(parts), request.headers["x-exl-signature"] ?? "");
    response.writeHead(signed ? 200 : 401, { "Content-Type": "text/plain", "Content-Length": 2 });
    response.end(signed ? "ok" : "no");
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
