/**
 * A property's name as PyTorch spells it: a capital that follows a small letter or a digit becomes `_` and the small
 * letter. `preLogits` is `pre_logits`; `A_log` and `fc1` stay.
 */
export const parameterKey = (property: string): string =>
  property.replace(/([a-z0-9])([A-Z])/g, (_, before: string, capital: string) => `${before}_${capital.toLowerCase()}`)
