// Reads {"name": card, …} on standard input and writes {"name": [complaint, …], …} of Microsoft's own parser.
const AdaptiveCards = require("adaptivecards/dist/adaptivecards.min.js");
const fs = require("fs");

const cards = JSON.parse(fs.readFileSync(0, "utf8"));
const found = {};
for (const [name, card] of Object.entries(cards)) {
  const parsed = new AdaptiveCards.AdaptiveCard();
  const context = new AdaptiveCards.SerializationContext();
  parsed.parse(card, context);
  const complaints = [];
  for (let i = 0; i < context.eventCount; i++) complaints.push(context.getEventAt(i).message);
  for (const event of parsed.validateProperties().validationEvents) complaints.push(event.message);
  found[name] = complaints;
}
process.stdout.write(JSON.stringify(found));
