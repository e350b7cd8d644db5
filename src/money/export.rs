//! A run of billing for other programs: a plain sheet, and what Xero and QuickBooks Online import.

use super::invoice::{Invoice, Kind, Line, Run};
use super::statement::harmless;
use crate::words::Money;

/// One row a line, settled ones too: what a person can calculate with.
pub fn sheet(run: &Run) -> String {
    let header = [
        "run",
        "period",
        "invoice",
        "client",
        "name",
        "kind",
        "month",
        "ticket",
        "what",
        "after_hours",
        "correction",
        "minutes",
        "counted",
        "rate",
        "quantity",
        "amount",
        "currency",
        "due",
        "po_number",
        "entries",
    ];
    let mut rows = Rows::begin(&header);
    for client in &run.clients {
        let priced =
            client.invoices.iter().flat_map(|invoice| invoice.lines.iter().map(move |line| (Some(invoice), line)));
        for (invoice, line) in priced.chain(client.settled.iter().map(|line| (None, line))) {
            let money = |money: Option<Money>| money.map(decimal).unwrap_or_default();
            let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
            let entries: Vec<String> = line.entries.iter().map(|entry| format!("e{entry}")).collect();
            rows.push(&[
                run.number.to_string(),
                run.period.format("%Y-%m").to_string(),
                invoice.map(|invoice| invoice.number.clone()).unwrap_or_default(),
                client.client.to_string(),
                client.name.clone(),
                line.kind.as_str().to_owned(),
                line.month.map(|month| month.format("%Y-%m").to_string()).unwrap_or_default(),
                line.ticket.map(|ticket| ticket.to_string()).unwrap_or_default(),
                line.what.clone().unwrap_or_default(),
                yes(line.after_hours),
                yes(line.correction),
                line.minutes.0.to_string(),
                line.counted.0.to_string(),
                money(line.rate),
                line.quantity.map(|quantity| quantity.to_string()).unwrap_or_default(),
                money(line.amount),
                line.amount.map(|amount| amount.currency.to_string()).unwrap_or_default(),
                invoice.map(|invoice| invoice.due.to_string()).unwrap_or_default(),
                invoice.and_then(|invoice| invoice.po_number.clone()).unwrap_or_default(),
                entries.join(" "),
            ]);
        }
    }
    rows.end()
}

/// Xero's "Import" of sales invoices: its template's columns, one row a line. `dates` is strftime, as the organisation's region writes days.
pub fn xero(run: &Run, dates: &str) -> String {
    let header = [
        "*ContactName",
        "EmailAddress",
        "POAddressLine1",
        "POAddressLine2",
        "POAddressLine3",
        "POAddressLine4",
        "POCity",
        "PORegion",
        "POPostalCode",
        "POCountry",
        "*InvoiceNumber",
        "Reference",
        "*InvoiceDate",
        "*DueDate",
        "Total",
        "InventoryItemCode",
        "*Description",
        "*Quantity",
        "*UnitAmount",
        "Discount",
        "*AccountCode",
        "*TaxType",
        "TaxAmount",
        "TrackingName1",
        "TrackingOption1",
        "TrackingName2",
        "TrackingOption2",
        "Currency",
        "BrandingTheme",
    ];
    let mut rows = Rows::begin(&header);
    for (invoice, line, amount) in lines(run) {
        let (quantity, unit) = by_unit(line, amount);
        let mut row = vec![String::new(); header.len()];
        row[0].clone_from(&invoice.name);
        row[1] = invoice.email.clone().unwrap_or_default();
        row[10].clone_from(&invoice.number);
        row[11] = invoice.po_number.clone().unwrap_or_default();
        row[12] = run.date.format(dates).to_string();
        row[13] = invoice.due.format(dates).to_string();
        row[16] = description(line);
        row[17] = quantity;
        row[18] = unit;
        row[20] = line.account_code.clone().or_else(|| invoice.account_code.clone()).unwrap_or_default();
        row[21] = invoice.tax_code.clone().unwrap_or_default();
        row[27] = invoice.currency.to_string();
        rows.push(&row);
    }
    rows.end()
}

/// QuickBooks Online's "Import data" of invoices, one row a line.
pub fn quickbooks(run: &Run, dates: &str) -> String {
    let header = [
        "*InvoiceNo",
        "*Customer",
        "*InvoiceDate",
        "*DueDate",
        "Terms",
        "Memo",
        "Item(Product/Service)",
        "ItemDescription",
        "ItemQuantity",
        "ItemRate",
        "*ItemAmount",
        "ItemTaxCode",
        "Currency",
    ];
    let mut rows = Rows::begin(&header);
    for (invoice, line, amount) in lines(run) {
        let (quantity, unit) = by_unit(line, amount);
        rows.push(&[
            invoice.number.clone(),
            invoice.name.clone(),
            run.date.format(dates).to_string(),
            invoice.due.format(dates).to_string(),
            String::new(),
            invoice.po_number.clone().unwrap_or_default(),
            line.account_code
                .clone()
                .or_else(|| invoice.account_code.clone())
                .unwrap_or_else(|| service(line).to_owned()),
            description(line),
            quantity,
            unit,
            decimal(amount),
            invoice.tax_code.clone().unwrap_or_default(),
            invoice.currency.to_string(),
        ]);
    }
    rows.end()
}

/// What stands on an invoice.
fn lines(run: &Run) -> impl Iterator<Item = (&Invoice, &Line, Money)> {
    let invoices = run.clients.iter().flat_map(|client| &client.invoices);
    invoices.flat_map(|invoice| {
        let priced = invoice.lines.iter().filter_map(|line| Some((line, line.amount?)));
        priced.filter(|(_, amount)| amount.minor != 0).map(move |(line, amount)| (invoice, line, amount))
    })
}

/// Quantity and price of one, so that the other program comes to the same amount; where it would not, one at the whole amount.
fn by_unit(line: &Line, amount: Money) -> (String, String) {
    let whole = ("1".to_owned(), decimal(amount));
    if let Some(quantity) = line.quantity.map(i64::from).filter(|quantity| amount.minor % quantity == 0) {
        return (quantity.to_string(), decimal(Money { minor: amount.minor / quantity, ..amount }));
    }
    let Some(rate) = line.rate else { return whole };
    // Hours with four digits behind the point.
    let half = if line.counted.0 < 0 { -30 } else { 30 };
    let hours = (line.counted.0 * 10_000 + half) / 60;
    let product = i128::from(hours) * i128::from(rate.minor);
    let half = if product < 0 { -5_000 } else { 5_000 };
    if (product + half) / 10_000 != i128::from(amount.minor) {
        return whole;
    }
    let sign = if hours < 0 { "-" } else { "" };
    let size = hours.unsigned_abs();
    (format!("{sign}{}.{:04}", size / 10_000, size % 10_000), decimal(rate))
}

fn service(line: &Line) -> &'static str {
    match line.kind {
        Kind::Retainer => "Retainer",
        Kind::Fee => "Recurring fee",
        Kind::Overage => "Retainer overage",
        Kind::Project => "Project work",
        Kind::Time | Kind::Included | Kind::Warranty | Kind::Unbillable => "Support",
    }
}

/// What a client reads on the invoice.
pub fn description(line: &Line) -> String {
    let month = line.month.map(|month| format!(", {}", month.format("%B %Y"))).unwrap_or_default();
    let rate = line.rate.map(|rate| format!(" at {rate}")).unwrap_or_default();
    let late = if line.after_hours { ", after hours" } else { "" };
    let what = line.what.as_deref().unwrap_or_default();
    let work = |kind: &str| match (line.ticket, what) {
        (Some(ticket), "") => format!("{kind}, {ticket}: {}{rate}{late}", line.counted),
        (Some(ticket), what) => format!("{kind}, {ticket} {what}: {}{rate}{late}", line.counted),
        (None, "") => format!("{kind}: {}{rate}{late}", line.counted),
        (None, what) => format!("{kind}, {what}: {}{rate}{late}", line.counted),
    };
    let text = match line.kind {
        Kind::Retainer => format!("Retainer{month}"),
        Kind::Fee => match line.quantity {
            Some(quantity) if quantity > 1 => format!("{what}, {quantity}{month}"),
            _ => format!("{what}{month}"),
        },
        Kind::Overage if line.counted.0 > 0 => format!("Over the retainer's range{month}: {}", line.counted),
        Kind::Overage => format!("Over the retainer's range{month}"),
        Kind::Time => work("Support"),
        Kind::Project => work("Project work"),
        Kind::Included => format!("Within the retainer{month}: {}", line.minutes),
        Kind::Warranty => work("Warranty"),
        Kind::Unbillable => work("Not charged"),
    };
    if line.correction { format!("{text} (correction)") } else { text }
}

/// `1234.50`
pub fn decimal(money: Money) -> String {
    money.to_string().split(' ').next().unwrap_or_default().to_owned()
}

/// CSV in memory: nothing can fail.
struct Rows(csv::Writer<Vec<u8>>);

impl Rows {
    fn begin(header: &[&str]) -> Rows {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let _ = writer.write_record(header);
        Rows(writer)
    }

    fn push(&mut self, row: &[String]) {
        let number = |cell: &str| cell.parse::<f64>().is_ok();
        let _ = self.0.write_record(row.iter().map(|cell| if number(cell) { cell.clone() } else { harmless(cell) }));
    }

    fn end(self) -> String {
        String::from_utf8(self.0.into_inner().unwrap_or_default()).unwrap_or_default()
    }
}
