/** Plain texts of several kinds, written for this purpose: what a model of English should not get worse at. */
export const generalTexts: readonly string[] = [
  'The moon goes around the earth in about a month. We always see the same side of it, because it turns once in the same time.',
  'Bread is made of flour, water, salt and yeast. The dough rests until it has grown, and is then baked in a hot oven.',
  '"Where have you been?" asked her mother. "At the river," said Anna. "The water is so high that the bridge is closed."',
  'To tie a knot, lay one end over the other, pull it through the loop and hold both ends tight.',
  'In the year 1969 two people walked on the moon for the first time, and millions watched them on television.',
  'A doctor asked him to walk more and to eat less salt. He did so for a month and felt much better.',
  'If you divide twelve apples among four children, each of them gets three and none is left.',
  'The old man opened the window and looked at the street. Nobody was there but a cat that slept in the sun.',
  'Plants need light, water and air. With light they make sugar of water and of a gas that we breathe out.',
  'Dear Peter, thank you for your letter. We would be glad to see you in June. The train arrives at noon. Yours, Maria',
  'Most birds fly south when the days become short, since they find nothing to eat where the ground is frozen.',
  'She studied law in Paris, worked for a newspaper in London and wrote her first novel at the age of forty.',
  'First boil the water. Then put the tea into the pot, pour the water over it and wait four minutes.',
  'The price of the house was too high for them, so they decided to rent a small flat near the station.',
  'It had rained all night. In the morning the garden was full of leaves, and the chairs lay on the grass.',
  'A triangle has three sides and three angles. The angles of every triangle add up to half a turn.',
  'The meeting begins at nine. Please bring the figures of last year and a list of open questions.',
  'Long ago a farmer had two sons. The elder was strong and lazy, the younger was small but he knew every path.',
  'Iron is heavier than wood. A piece of iron sinks in water, while a piece of wood floats on it.',
  'The team lost its first game but won the next five, and at the end of the season it was in second place.',
  'A library lends books to everybody who lives in the town. You may keep a book for three weeks.',
  'When the lights went out, everyone stopped talking. Then somebody laughed, and a child began to sing.',
  'The function returns the sum of its two arguments. It raises an error if one of them is not a number.',
  'He put the letter into his pocket, thanked the woman at the desk and walked back to the hotel without a word.',
];

/** Questions and beginnings from which a model samples text of its own. */
export const ownQuestions: readonly string[] = [
  'Tell me about the sea.',
  'Write a short story about a dog.',
  'How does a bicycle work?',
  'What did people eat long ago?',
  'Give me some advice for a long journey.',
  'Describe a winter morning.',
  'What is a friend?',
  'Why is the sky blue?',
];

export const ownBeginnings: readonly string[] = [
  'The',
  'In the morning',
  'There was once',
  'It is important to',
  'She said',
  'Many people',
  'When I was young',
  'A good',
];
