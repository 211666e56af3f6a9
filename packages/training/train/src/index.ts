export * from './losses.js'
export * from './mix.js'
export * from './mix-plan.js'
