const { createHmac, timingSafeEqual } = require("node:crypto");
const express = require("express");

const secret = process.env.BENCH_SECRET;
const app = express();

function isSigned(body, given) {
  const digest = createHmac("sha256", secret).update(body).digest("base64");
  return given.length === digest.length && timingSafeEqual(Buffer.from(given), Buffer.from(digest));
}

app.post("/webhooks/main", express.raw({ type: "*/*", limit: "10mb" }), (request, response) => {
  if (!isSigned(request.body, request.get("X-Exl-Signature") ?? "")) {
    return response.status(401).send("no");
  }
  response.send("ok");
});

app.listen(Number(process.argv[2]), "127.0.0.1");
