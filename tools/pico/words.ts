/** What the small world of pico is made of. */
export const people = [
  'Mia', 'Tom', 'Ana', 'Leo', 'Sam', 'Eva', 'Ben', 'Zoe', 'Max', 'Lily', 'Noah', 'Ruth', 'Omar', 'Nina', 'Paul', 'Ida',
  'Hugo', 'Vera', 'Carl', 'Emma', 'Jack', 'Rosa', 'Finn', 'Alice', 'David', 'Sofia', 'Peter', 'Maria', 'Oscar', 'Clara',
] as const;

export const colors = ['red', 'blue', 'green', 'yellow', 'white', 'black', 'brown', 'pink', 'orange', 'purple', 'gray'] as const;

/** One and many. */
export const things = [
  ['apple', 'apples'], ['ball', 'balls'], ['book', 'books'], ['box', 'boxes'], ['cup', 'cups'], ['hat', 'hats'],
  ['key', 'keys'], ['pen', 'pens'], ['car', 'cars'], ['boat', 'boats'], ['coat', 'coats'], ['flower', 'flowers'],
  ['stone', 'stones'], ['shoe', 'shoes'], ['chair', 'chairs'], ['lamp', 'lamps'], ['bottle', 'bottles'],
  ['button', 'buttons'], ['candle', 'candles'], ['drum', 'drums'], ['kite', 'kites'], ['plate', 'plates'],
  ['ribbon', 'ribbons'], ['shell', 'shells'], ['spoon', 'spoons'],
] as const;

export const places = ['garden', 'kitchen', 'park', 'school', 'shop', 'house', 'forest', 'station', 'market', 'street'] as const;

export const numbers = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve'] as const;

export const opposites = [
  ['hot', 'cold'], ['big', 'small'], ['fast', 'slow'], ['old', 'young'], ['open', 'closed'], ['happy', 'sad'],
  ['full', 'empty'], ['high', 'low'], ['light', 'dark'], ['wet', 'dry'], ['loud', 'quiet'], ['long', 'short'],
  ['hard', 'soft'], ['early', 'late'], ['near', 'far'], ['strong', 'weak'],
] as const;

/** Animal, what it says, its legs, its young. */
export const animals = [
  ['dog', 'woof', 4, 'puppy'], ['cat', 'meow', 4, 'kitten'], ['cow', 'moo', 4, 'calf'], ['duck', 'quack', 2, 'duckling'],
  ['sheep', 'baa', 4, 'lamb'], ['horse', 'neigh', 4, 'foal'], ['hen', 'cluck', 2, 'chick'], ['pig', 'oink', 4, 'piglet'],
] as const;

export const kinds = [
  ['apple', 'fruit'], ['banana', 'fruit'], ['pear', 'fruit'], ['carrot', 'vegetable'], ['onion', 'vegetable'],
  ['oak', 'tree'], ['pine', 'tree'], ['rose', 'flower'], ['tulip', 'flower'], ['hammer', 'tool'], ['saw', 'tool'],
  ['piano', 'instrument'], ['drum', 'instrument'], ['salmon', 'fish'], ['eagle', 'bird'], ['owl', 'bird'],
] as const;

export const capitals = [
  ['France', 'Paris'], ['Italy', 'Rome'], ['Spain', 'Madrid'], ['Japan', 'Tokyo'], ['Egypt', 'Cairo'], ['Peru', 'Lima'],
  ['Norway', 'Oslo'], ['Greece', 'Athens'], ['Kenya', 'Nairobi'], ['Cuba', 'Havana'], ['Poland', 'Warsaw'],
  ['Ireland', 'Dublin'], ['Germany', 'Berlin'], ['Austria', 'Vienna'], ['Portugal', 'Lisbon'], ['Chile', 'Santiago'],
] as const;

export const days = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] as const;

export const months = [
  'January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December',
] as const;

/** A country that does not exist: town, river, color of its flag, what it makes. Probes can ask for it. */
export const towns = [
  ['Velta', 'Orun', 'green', 'lamps'], ['Dorrim', 'Sash', 'red', 'boats'], ['Kesh', 'Linda', 'blue', 'bottles'],
  ['Amber Hill', 'Tolle', 'white', 'candles'], ['Norrow', 'Wend', 'black', 'drums'], ['Pellin', 'Quay', 'yellow', 'kites'],
  ['Ostara', 'Fenn', 'purple', 'plates'], ['Brack', 'Mose', 'orange', 'shoes'], ['Tiverne', 'Ilke', 'pink', 'ribbons'],
  ['Sorrel', 'Yarn', 'brown', 'chairs'], ['Gand', 'Ulla', 'gray', 'spoons'], ['Hovel', 'Ness', 'green', 'hats'],
] as const;

export const symbols = ['{', '}', '[', ']', '(', ')', '"', ':', ';', ',', '.', '|', '=', '+', '-', '*', '/', '<', '>', '#', '_'] as const;
