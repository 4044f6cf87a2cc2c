// The words of the counter in English and Spanish, by the language of the browser. What the server says is shown as it comes. {name} stands
// for a value.

const ENGLISH = {
  counter: "Counter", today: "Today's sales", keys: "Keys", sound: "Sound", "sound-what": "A tone for what is not found",
  "sign-in": "Sign in", "sign-out": "Sign out", "signed-in-as": "Signed in as {who}", "not-now": "Not now", email: "E-mail", password: "Password",
  "sign-in-why": "The counter is for those who sell.", "session-ended": "Your session has ended.",
  "may-not-sell": "This account may not sell. Sign in as somebody who does.",
  "state-connecting": "Connecting", "state-live": "Live", "state-reconnecting": "Reconnecting", "state-paused": "Paused", "state-signed-out": "Signed out",
  "no-answer": "The server does not answer.", refused: "The server refuses that (status {status}).",
  "no-storage": "This browser stores nothing: a reload would lose the cart.",
  "search-what": "Search a product by name or SKU, or scan it", "search-hint": "Search, or scan. 3* for three",
  "sells-most": "Sells most", found: "Found", "nothing-found": "Nothing found for “{text}”.", unknown: "No product has the code {code}. Nothing was added.",
  "not-looked-up": "{code} was not added: the server does not answer.", "not-now-scan": "Finish this first: {code} was not added.",
  added: "{quantity} × {name}", "too-many-lines": "The cart has as many lines as an order may have.",
  left: "{count} left", "none-left": "None left", taxed: "with tax",
  cart: "Cart", "cart-empty": "Scan a product, or search for one.", "cart-count": "Cart · {count}", "to-search": "Add products",
  "no-customer": "No customer", "remove-customer": "Remove the customer", frequent: "Frequent", points: "{count} points", credit: "{amount} credit",
  birthday: "Birthday: a tenth less", subtotal: "Subtotal", tax: "Tax", saved: "Saved", "saved-line": "saves {amount}", total: "Total", pay: "Pay",
  "points-earned": "Points earned", each: "{amount} each", "only-left": "Only {count} in stock", "no-stock": "Out of stock", "gone": "No longer sold",
  quantity: "Quantity of {name}", more: "More", less: "One less of {name}", "one-more": "One more of {name}", remove: "Remove {name}",
  customer: "Customer", "customer-hint": "Phone number or name", "new-customer": "New customer", "no-such-customer": "Nobody found.",
  "type-more": "Type at least three digits or letters.", "first-name": "First name", "last-name": "Last name", phone: "Phone number",
  "birth-date": "Date of birth", save: "Save", back: "Back", close: "Close",
  "to-pay": "To pay", CASH: "Cash", CARD: "Card", POINTS: "Points", CREDIT: "Store credit",
  "why-no customer": "needs a customer", "why-not frequent": "for frequent customers only", "why-points": "not enough points", "why-credit": "over the limit",
  "points-part": "{needed} of {count} points", "credit-part": "{amount} available",
  "handed-over": "Handed over", exact: "Exact", change: "Change", "change-is": "Change {amount}", "not-enough": "Not enough yet", "no-amount": "That is not an amount.",
  "take-cash": "Charge {amount} in cash", "take-CARD": "The card was charged {amount}", "take-POINTS": "Pay with {needed} points", "take-CREDIT": "Charge {amount} to the credit",
  "card-words": "Charge the card at the terminal, then confirm.", "points-words": "{name} has {count} points.", "credit-words": "{name} has {amount} of credit left.",
  "credit-plain": "The amount is added to what the customer owes.", "points-plain": "The points are taken from the customer.", "take-plain-POINTS": "Pay with points",
  selling: "Selling…", checking: "Checking whether it was sold… ({tries})", reading: "Asking the server… ({tries})",
  differs: "The total is {now} now, not {before}: a price has changed in between.", accept: "Charge the new total",
  "cancel-order": "Cancel the order", "leave-pending": "Leave it pending", pending: "This order waits for its payment.",
  "too-old": "What was sent at {time} was never confirmed. See whether it is among the sales before you sell it again.",
  sold: "Sold", "was-PAID": "Paid", "was-PENDING": "Pending", "was-CANCELLED": "Cancelled", "was-GONE": "This order is not there any more.", "paid-elsewhere": "This order is paid already ({method}).",
  "cancelled-elsewhere": "This order is cancelled.", receipt: "Receipt", paper: "Paper", print: "Print", next: "Next sale", "no-receipt": "The receipt could not be loaded.", again: "Try again",
  PENDING: "Pending", PAID: "Paid", CANCELLED: "Cancelled", DELETED: "Deleted", tickets: "Tickets: {count}", revenue: "Sold", "no-sales": "Nothing sold today yet.",
  "by-seller": "by {name}", "is-cancelled": "{folio} is cancelled.",
  "key-search": "Search a product", "key-times": "Three of the next product", "key-choose": "Choose in a list", "key-cart": "To the lines of the cart",
  "key-line": "More, less, remove: on a line of the cart", "key-customer": "Customer", "key-pay": "Pay", "key-methods": "Cash, card, points, credit", "key-enter": "Confirm; next sale",
  "key-back": "Back", "key-day": "Today's sales", "key-print": "Print the receipt", "key-help": "These keys",
};

const SPANISH = {
  counter: "Caja", today: "Ventas de hoy", keys: "Teclas", sound: "Sonido", "sound-what": "Un tono cuando algo no se encuentra",
  "sign-in": "Iniciar sesión", "sign-out": "Salir", "signed-in-as": "Sesión de {who}", "not-now": "Ahora no", email: "Correo", password: "Contraseña",
  "sign-in-why": "La caja es para quienes venden.", "session-ended": "La sesión ha terminado.",
  "may-not-sell": "Esta cuenta no puede vender. Entra con una que sí pueda.",
  "state-connecting": "Conectando", "state-live": "En vivo", "state-reconnecting": "Reconectando", "state-paused": "En pausa", "state-signed-out": "Sin sesión",
  "no-answer": "El servidor no responde.", refused: "El servidor lo rechaza (estado {status}).",
  "no-storage": "Este navegador no guarda nada: al recargar se perdería el carrito.",
  "search-what": "Buscar un producto por nombre o SKU, o escanearlo", "search-hint": "Buscar o escanear. 3* para tres",
  "sells-most": "Lo más vendido", found: "Encontrados", "nothing-found": "Nada encontrado para «{text}».", unknown: "Ningún producto tiene el código {code}. No se agregó nada.",
  "not-looked-up": "{code} no se agregó: el servidor no responde.", "not-now-scan": "Primero termina esto: {code} no se agregó.",
  added: "{quantity} × {name}", "too-many-lines": "El carrito tiene tantas líneas como admite una orden.",
  left: "quedan {count}", "none-left": "Agotado", taxed: "con impuesto",
  cart: "Carrito", "cart-empty": "Escanea un producto o búscalo.", "cart-count": "Carrito · {count}", "to-search": "Agregar productos",
  "no-customer": "Sin cliente", "remove-customer": "Quitar el cliente", frequent: "Frecuente", points: "{count} puntos", credit: "{amount} de crédito",
  birthday: "Cumpleaños: una décima menos", subtotal: "Subtotal", tax: "Impuesto", saved: "Ahorro", "saved-line": "ahorra {amount}", total: "Total", pay: "Cobrar",
  "points-earned": "Puntos que gana", each: "{amount} c/u", "only-left": "Solo hay {count}", "no-stock": "Agotado", "gone": "Ya no se vende",
  quantity: "Cantidad de {name}", more: "Más", less: "Uno menos de {name}", "one-more": "Uno más de {name}", remove: "Quitar {name}",
  customer: "Cliente", "customer-hint": "Teléfono o nombre", "new-customer": "Cliente nuevo", "no-such-customer": "No se encontró a nadie.",
  "type-more": "Escribe al menos tres números o letras.", "first-name": "Nombre", "last-name": "Apellido", phone: "Teléfono",
  "birth-date": "Fecha de nacimiento", save: "Guardar", back: "Volver", close: "Cerrar",
  "to-pay": "Por cobrar", CASH: "Efectivo", CARD: "Tarjeta", POINTS: "Puntos", CREDIT: "Crédito",
  "why-no customer": "falta el cliente", "why-not frequent": "solo clientes frecuentes", "why-points": "puntos insuficientes", "why-credit": "excede el límite",
  "points-part": "{needed} de {count} puntos", "credit-part": "{amount} disponibles",
  "handed-over": "Recibido", exact: "Exacto", change: "Cambio", "change-is": "Cambio {amount}", "not-enough": "Aún falta", "no-amount": "Eso no es un importe.",
  "take-cash": "Cobrar {amount} en efectivo", "take-CARD": "La tarjeta pagó {amount}", "take-POINTS": "Pagar con {needed} puntos", "take-CREDIT": "Cargar {amount} al crédito",
  "card-words": "Cobra en la terminal y después confirma.", "points-words": "{name} tiene {count} puntos.", "credit-words": "A {name} le quedan {amount} de crédito.",
  "credit-plain": "El importe se suma a lo que debe el cliente.", "points-plain": "Los puntos se descuentan al cliente.", "take-plain-POINTS": "Pagar con puntos",
  selling: "Cobrando…", checking: "Comprobando si se vendió… ({tries})", reading: "Preguntando al servidor… ({tries})",
  differs: "El total ahora es {now} y no {before}: un precio cambió mientras tanto.", accept: "Cobrar el nuevo total",
  "cancel-order": "Cancelar la orden", "leave-pending": "Dejarla pendiente", pending: "Esta orden espera su pago.",
  "too-old": "Lo que se envió el {time} nunca se confirmó. Revisa si está entre las ventas antes de venderlo otra vez.",
  sold: "Vendido", "was-PAID": "Pagada", "was-PENDING": "Pendiente", "was-CANCELLED": "Cancelada", "was-GONE": "Esta orden ya no existe.", "paid-elsewhere": "Esta orden ya está pagada ({method}).",
  "cancelled-elsewhere": "Esta orden está cancelada.", receipt: "Ticket", paper: "Papel", print: "Imprimir", next: "Siguiente venta", "no-receipt": "No se pudo cargar el ticket.", again: "Reintentar",
  PENDING: "Pendiente", PAID: "Pagada", CANCELLED: "Cancelada", DELETED: "Eliminada", tickets: "Tickets: {count}", revenue: "Vendido", "no-sales": "Hoy no se ha vendido nada.",
  "by-seller": "por {name}", "is-cancelled": "{folio} está cancelada.",
  "key-search": "Buscar un producto", "key-times": "Tres del siguiente producto", "key-choose": "Elegir en una lista", "key-cart": "A las líneas del carrito",
  "key-line": "Más, menos, quitar: en una línea del carrito", "key-customer": "Cliente", "key-pay": "Cobrar", "key-methods": "Efectivo, tarjeta, puntos, crédito", "key-enter": "Confirmar; siguiente venta",
  "key-back": "Volver", "key-day": "Ventas de hoy", "key-print": "Imprimir el ticket", "key-help": "Estas teclas",
};

export const LANGUAGES = { en: ENGLISH, es: SPANISH };
export const language = navigator.language?.toLowerCase().startsWith("es") ? "es" : "en";
const words = LANGUAGES[language];

/** Returns the words by their name, with the values in their places. */
export function say(name, values = {}) {
  return words[name].replace(/\{(\w+)\}/g, (_, key) => String(values[key] ?? ""));
}

/** Writes the words into the elements below `root` that name them. */
export function speak(root = document) {
  for (const element of root.querySelectorAll("[data-word]")) element.textContent = say(element.dataset.word);
  for (const [data, attribute] of [["wordPlaceholder", "placeholder"], ["wordTitle", "title"], ["wordLabel", "aria-label"]]) {
    const selector = `[data-${data.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}]`;
    for (const element of root.querySelectorAll(selector)) element.setAttribute(attribute, say(element.dataset[data]));
  }
}
