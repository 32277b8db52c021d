declare module "*.css" {
  const text: string;
  export default text;
}

declare module "labeling:messages" {
  export type Word = keyof typeof import("../messages/en.json");
  const messages: Record<string, Partial<Record<Word, string>>>;
  export default messages;
}
