// nodemailer's pool: `node nodemailer.mjs PORT COUNT MAIL.json`; prints the seconds that the sending took.
import { readFileSync } from "node:fs";
import { createTransport } from "nodemailer";

const [port, count, path] = process.argv.slice(2);
const mail = JSON.parse(readFileSync(path, "utf-8"));
const pool = createTransport({ host: "127.0.0.1", port: Number(port), pool: true, maxConnections: 8, maxMessages: Infinity, ignoreTLS: true });
const began = performance.now();
let next = 0;

async function one() {
  while (next < Number(count)) {
    const number = next++;
    await pool.sendMail({
      from: mail.sender,
      to: { name: `Prénom${number} Nom${number}`, address: `membre${number}@exemple.example` },
      subject: mail.subject,
      text: mail.text.replaceAll(mail.name, `Prénom${number}`),
      html: mail.html.replaceAll(mail.name, `Prénom${number}`),
    });
  }
}

// As many in the air as keep the pool's connections busy.
await Promise.all(Array.from({ length: 32 }, one));
console.log((performance.now() - began) / 1000);
pool.close();
