// The words of the books. What the server says is shown as it comes. {name} stands for a value.

const WORDS = {
  books: "Books", home: "Home", dashboard: "Dashboard", quotes: "Quotes", quote: "Quote", invoices: "Invoices", invoice: "Invoice", expenses: "Expenses", expense: "Expense",
  clients: "Clients", client: "Client", settings: "Settings", skip: "Skip to the content", back: "Back", close: "Close", again: "Try again",
  save: "Save", edit: "Edit", delete: "Delete", remove: "Remove", filter: "Filter", view: "View", done: "Done.", all: "Show all {count}", active: "Active", inactive: "Inactive",
  "all-of-them": "All", "show-all": "Show all clients'", "nothing-found": "Nothing found.", "not-now": "Not now", mine: "Mine", theirs: "There now",

  "sign-in": "Sign in", "sign-out": "Sign out", "signed-in-as": "Signed in as {who}", email: "E-mail", password: "Password", "password-hint": "At least 8 characters, not only digits.", "sign-in-why": "These are your own books. Nobody else sees them.",
  "session-ended": "Your session has ended.", "may-not-enter": "This account has no books. Sign in with another one.", "sign-up": "Open your books", "sign-up-open": "New here? Open your books",
  "sign-out-why": "You are signed in as {who}.", "unsaved-lost": "Some of what you typed here is not saved yet. Signing out removes it from this device, so that nobody else can read it.", "sign-out-anyway": "Sign out, and remove it",

  "state-down": "No answer. Trying again…", "state-offline": "Offline. What you type is kept here.", "no-answer": "The server does not answer.", "too-many": "Too many requests. It goes on by itself in a while.",
  refused: "The server refuses that (status {status}).", gone: "It is not there any more.", changed: "Changed in the meantime", "changed-why": "Somebody, perhaps you on another device, has changed this since you opened it.",
  "keep-mine": "Save mine", "take-theirs": "Take what is there", "too-old": "What was sent at {time} was never confirmed. See whether it is there before you save it again.",
  "trying-short": "No answer yet… ({tries})", trying: "No answer yet. It is sent again, once, when the server answers… ({tries})", "no-storage": "This browser keeps nothing: a reload would lose what you type.",

  "is-owed": "Owed to you", "is-overdue": "Overdue", "paid-30-days": "Paid in 30 days", "spent-in": "Spent in {month}", "overdue-ones": "Overdue", "to-be-invoiced": "Accepted, not invoiced yet", "expire-soon": "Quotes that expire soon",
  "draft-invoices": "Draft invoices", "draft-quotes": "Draft quotes", "due-next": "Due next", "all-quiet": "All quiet", welcome: "Nothing is owed, and nothing waits. Begin with a client, and with what your papers say about you.",
  "add-first-client": "Add a client", "your-company": "Your company", "snap-expense": "Snap a receipt", "record-payment": "Record payment", unsaved: "Not saved yet, on this device", "go-on": "Go on", drop: "Drop {name}",
  "unsaved-quote": "Quote {name}", "unsaved-invoice": "Invoice {name}", "unsaved-client": "Client {name}", "unsaved-payment": "Payment of {name}", "unsaved-expense": "Expense {name}", "unsaved-receipt": "Receipt of {name}, not uploaded",
  "unsaved-company": "Your company", "unsaved-papers": "How your papers look",

  "new-client": "New client", "edit-client": "Edit client", "no-clients": "No clients yet.", "search-clients": "Search clients", name: "Name", company: "Company", phone: "Phone", address: "Address", "tax-number": "Tax number",
  notes: "Notes", "notes-own": "Notes, for you only", owes: "Owes you", "of-it-overdue": "of it overdue", call: "Call", mail: "Mail", deactivate: "Deactivate", activate: "Activate again", "is-inactive": "This client is not active, and is not offered for new papers.",
  "delete-client": "Delete {name}? A client with quotes, invoices or expenses stays.", deleted: "{name} is deleted.", "no-quotes-of-client": "No quotes yet.", "no-invoices-of-client": "No invoices yet.", "of-client": "Of", "other-client": "Choose another client",
  "client-hint": "Type a name, company or e-mail", "no-client-hint": "Nobody; type to choose", "add-client": "Add “{name}” as a new client", "no-email": "no e-mail address",

  "new-quote": "New quote", "new-invoice": "New invoice", "edit-quote": "Edit quote", "edit-invoice": "Edit invoice", "search-quotes": "Search number, title or client", "search-invoices": "Search number, title or client",
  "no-quotes": "No quotes yet.", "no-invoices": "No invoices yet.", "status-draft": "Draft", "status-sent": "Sent", "status-accepted": "Accepted", "status-rejected": "Rejected", "status-expired": "Expired", "status-overdue": "Overdue",
  "status-partial": "Partly paid", "status-paid": "Paid", "status-cancelled": "Cancelled", "status-pending": "Pending", "status-approved": "Approved", "status-reimbursed": "Reimbursed",
  "overdue-by": "{days} overdue", "due-today": "due today", "due-in": "due in {days}", "due-on": "due {day}", "expires-today": "expires today", "expires-in": "expires in {days}", "expires-on": "expires {day}", "of-total": "of {total}",

  write: "Write", paper: "Paper", "title-what": "Title", "title-hint-quote": "What the quote is for", "title-hint-invoice": "What the invoice is for", "issue-date": "Issue date", expiry_date: "Valid until", due_date: "Due date",
  lines: "Lines", description: "Description", "description-hint": "What you did or sell", quantity: "Quantity", "unit-price": "Unit price", amount: "Amount", "add-line": "Add a line", "move-up": "Move up", "move-down": "Move down", "remove-line": "Remove the line",
  tax: "Tax", "tax-none": "No tax", "tax-rate": "Rate in %", "tax-amount": "Amount of tax", "tax-value": "Rate in %", "tax-of": "Tax ({rate}%)", terms: "Terms", subtotal: "Subtotal", total: "Total", saved: "{name} is saved.",
  "more-lines": "and {count} more lines", "to-of-quote": "Prepared for", "to-of-invoice": "Bill to", "no-client-yet": "No client yet", "balance-due": "Balance due", paid: "Paid",
  "only-draft-quote": "Only a draft can be edited. Duplicate this quote to make another one of it.", "only-draft-invoice": "Only a draft can be edited. Duplicate this invoice to make another one of it.",

  actions: "Actions", "do-send": "Send", "do-accept": "Mark as accepted", "do-reject": "Mark as rejected", "do-convert": "Turn into an invoice", "do-duplicate": "Duplicate", "do-delete": "Delete", "do-pay": "Record payment", "do-paid": "Mark as paid", "do-cancel": "Cancel",
  "do-approve": "Approve", "do-reject-expense": "Reject", "do-reimburse": "Mark as reimbursed", "send-what": "Send {name}?", "send-why": "It is mailed with its PDF to {email}, and can't be edited after that.",
  "send-without": "{name} has no e-mail address. It is marked as sent, and you hand over the PDF yourself. It can't be edited after that.", "reject-why": "A rejected quote stays rejected. You can duplicate it.",
  "cancel-invoice": "Cancel the invoice", "cancel-what": "Cancel {name}?", "cancel-why": "A cancelled invoice stays in the books, and nothing is owed for it. This can't be undone.", "paid-why": "A payment of the whole balance is recorded with today's date.", "delete-why": "{name} is deleted. This can't be undone.",
  "show-invoice": "Show the invoice", "show-quote": "Show the quote", "save-pdf": "Save PDF", share: "Share", "to-be-paid": "To be paid", "paid-of": "{paid} of {total} paid", "sent-at": "Sent", "paid-at": "Paid", 
  "its-quote": "Made of", "its-invoice": "Became",

  mails: "Mails", "mail-again": "Mail again", "remind-by-mail": "Remind by mail", "mail-queued": "On its way", "mail-sent": "Mailed", "mail-failed": "Refused", "mail-recorded": "Not mailed", "mail-dropped": "Dropped",
  "mail-why-recorded": "This server has no mail server, so nothing was sent. Hand over the PDF yourself.", reminder: "Reminder", subject: "Subject", message: "Message", "mail-what": "Mail {name}", "mail-it": "Mail it", "mail-to": "To {email}, with the PDF.",
  "mail-on-its-way": "The mail of {name} is on its way.", "mail-not-sent": "This server has no mail server. Nothing was sent.", "unsaved-mail": "Mail of {name}", "reminder-subject": "Reminder: {name}",
  "reminder-text": "Hello {client},\n\nthis is a friendly reminder of our invoice {name} of {day}. {amount} was due on {due}. If you have paid it in the meantime, please forget this mail.\n\nThank you",

  payments: "Payments", "payment-date": "Date", "payment-method": "Method", reference: "Reference", "save-payment": "Record payment", "balance-is": "{amount} to be paid", "payment-saved": "The payment of {name} is recorded.",
  "remove-payment": "Remove the payment of {amount}", "remove-payment-why": "The invoice is open again by this amount.", "payment-removed": "The payment of {amount} is removed.", "which-paid": "Which invoice was paid?", "nothing-owed": "Nothing is owed.",

  "new-expense": "New expense", "edit-expense": "Edit expense", "no-expenses": "No expenses yet.", "search-expenses": "Search description, vendor or number", "category-office": "Office", "category-travel": "Travel", "category-meals": "Meals",
  "category-software": "Software", "category-marketing": "Marketing", "category-other": "Other", date: "Date", "for-what": "What for", "for-what-hint": "Train to the client, paper, hosting…", category: "Category", vendor: "Paid to", "tax-in-it": "Tax in it",
  "receipt-number": "Receipt number", "is-billable": "Bill it to a client", "billed-to": "Client", billable: "Billable", "has-receipt": "with a receipt", receipts: "Receipts", snap: "Snap the receipt", "choose-file": "Choose a file",
  uploading: "Uploading the receipt…", "not-uploaded": "The expense is saved, its receipt is not uploaded yet. {why} It is kept on this device, and tried again.", "drop-receipt": "Leave this receipt out",
  "save-file": "Save {name}", "remove-file": "Remove {name}", "remove-file-why": "The file is deleted. This can't be undone.",

  "company-why": "What your papers say about you.", "company-name": "Company name", website: "Website", logo: "Logo", "no-logo": "No logo yet", "choose-logo": "Choose a logo", "remove-logo": "Remove", papers: "Papers",
  "papers-why": "How quotes and invoices look, and what new ones begin with.", currency: "Currency", "paper-size": "Paper", "invoice-days": "Days until an invoice is due", "quote-days": "Days a quote is valid", "invoice-terms": "Terms of invoices",
  "quote-terms": "Terms of quotes", footer: "At the foot of each page", "sends-reminders": "Remind clients by mail of overdue invoices", "settings-saved": "Saved.", exports: "Take your books with you", "exports-why": "Everything, as a table.",
  "export-begun": "The table is being loaded…", "export-made": "This is a long table, which is being made. It is saved as soon as it is done; you can also come back later.", "export-late": "The table is not ready yet. Please ask for it again later; while it is being made, it is not begun anew.", "export-what": "{what} as {format}", import: "Bring your clients", "import-why": "A table of clients, as CSV or XLSX. It is checked before anything is stored.", "choose-table": "Choose a table", "reading-file": "The file is being read…",
  "import-rows": "Rows: {rows}. Can be stored: {valid}.", "ignored-columns": "Columns that are left out: {names}", row: "Row", "what-is-wrong": "What is wrong", "more-wrong-rows": "More rows are wrong.", "import-now": "Store them: {count}", imported: "Clients stored: {count}",

  "field-client": "Client", "field-issue_date": "Issue date", "field-expiry_date": "Valid until", "field-due_date": "Due date", "field-title": "Title", "field-line_items": "Lines", "field-tax_rate": "Tax rate", "field-tax_amount": "Tax", "field-terms": "Terms",
  "field-notes": "Notes", "field-name": "Name", "field-email": "E-mail", "field-phone": "Phone", "field-company": "Company", "field-address": "Address", "field-tax_number": "Tax number", "field-description": "What for", "field-amount": "Amount",
  "field-expense_date": "Date", "field-category": "Category", "field-vendor": "Paid to", "field-receipt_number": "Receipt number", "field-is_billable": "Billable",
};

/** Returns the words by their name, with the values in their places. otherwise: for a name that is the server's, and may be new. */
export function say(name, values = {}, otherwise = undefined) {
  const words = WORDS[name] ?? otherwise;
  if (words === undefined) throw new Error(`There are no words for ${name}`);
  return words.replace(/\{(\w+)\}/g, (_, key) => String(values[key] ?? "")).trim();
}

/** Returns "1 day" or "5 days". */
say.days = (count) => (count === 1 ? "1 day" : `${count} days`);

/** Writes the words into the elements that name them. words(name): where a page has more than these. */
export function speak(words = say) {
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = words(element.dataset.word);
  for (const element of document.querySelectorAll("[data-word-label]")) element.setAttribute("aria-label", words(element.dataset.wordLabel));
}
