import asyncio, base64, os
from datetime import date
import pytest
from selenium.webdriver.common.keys import Keys
from tests.pos.counter_page import CounterPage, PHONE, TABLET, TILL, opened
from tests.support.browser import needs_chromium
pytestmark = [pytest.mark.gen_test(timeout=300), needs_chromium]
OUT = "/tmp/pictures"
NAMES = ["Coca-Cola 600 ml", "Leche entera Lala 1 L", "Pan de caja integral Bimbo 680 g", "Huevo blanco 18 piezas", "Arroz super extra 1 kg", "Frijol negro 900 g", "Aceite de girasol 946 ml", "Azúcar estándar 2 kg", "Sal de mesa 1 kg", "Café soluble clásico 200 g", "Galletas María 170 g", "Atún en agua 140 g", "Detergente en polvo 900 g", "Jabón de tocador 3 piezas", "Papel higiénico 12 rollos doble hoja", "Crema dental triple acción 100 ml", "Shampoo anticaspa con extracto de romero y menta para cabello graso, presentación familiar 1.1 L", "Servilletas 500 hojas", "Agua purificada 1.5 L", "Jugo de naranja 1 L", "Yogur natural 900 g", "Queso Oaxaca 400 g", "Jamón de pavo 250 g", "Tortillas de harina 10 piezas", "Mayonesa 390 g", "Chocolate de mesa 540 g", "Pilas AA 4 piezas", "Bolígrafo azul", "Cuaderno profesional 100 hojas", "Cinta adhesiva"]

@pytest.fixture
def page(chrome, base_url, http_server, io_loop):
    yield from opened(chrome, base_url, io_loop)

@pytest.fixture(scope="module")
def settings(settings):
    from dataclasses import replace
    return replace(settings, receipt_header=("Abarrotes La Esperanza", "Av. Juárez 12, Puebla", "RFC AEJ010203XX1"), receipt_footer=("¡Gracias por su compra!",)) if hasattr(settings, "receipt_header") else settings

async def shot(page, name):
    await asyncio.sleep(0.35)
    data = await page._call(page._driver.execute_cdp_cmd, "Page.captureScreenshot", {"format": "png"})
    os.makedirs(OUT, exist_ok=True)
    open(f"{OUT}/{name}.png", "wb").write(base64.b64decode(data["data"]))

async def test_pictures(page, shop, db, api, cashier, sign_in):
    tokens = await sign_in("EMPLOYEE")
    ids = []
    for n, name in enumerate(NAMES):
        ids.append(await shop.product(f"{(n * 37 % 90) + 12}.{(n * 13) % 100:02}", name=name, stock=[48, 120, 3, 1, 0][n % 5] + n, tax_rate=["16.00", "0.00", "8.00"][n % 3]))
        await db.execute("UPDATE pos.product SET sku = $1 WHERE id = $2", str(7501055300000 + n * 37), ids[-1])
    await db.execute("UPDATE pos.product SET current_stock = 0 WHERE id = $1", ids[4])
    await shop.promotion(ids[0], "15.00", name="Verano fresco"); await shop.promotion(ids[16], "20.00", name="2x semana")
    names = [("María", "González Ruiz"), ("José Luis", "Hernández"), ("Guadalupe", "Márquez de la Torre"), ("Mariana", "López")]
    for n, (f, l) in enumerate(names):
        c = await shop.customer(is_frequent=n % 2 == 0, points=340 * (n + 1), used="250.00" if n % 2 == 0 else "0")
        await db.execute("UPDATE pos.customer SET first_name=$1, last_name=$2, phone_number=$3, email=$4 WHERE id=$5", f, l, f"22245{n}7788", f"{f.split()[0].lower()}@example.com", c)
    for n in range(14):
        o = (await api.post("/api/orders/", {"customer": c if n % 3 == 0 else None, "items": [{"product_id": ids[(n * 3) % 16 if (n*3)%16 != 4 else 5], "quantity": 1 }, {"product_id": ids[18], "quantity": 1 + n % 2}]}, token=cashier)).json
        if n % 5 != 4 and n != 9:
            await api.post(f"/api/orders/{o['id']}/pay/", {"payment_method": ["CASH", "CARD", "CASH", "CASH"][n % 4]}, token=cashier)
        elif n == 9:
            await api.post(f"/api/orders/{o['id']}/cancel/", token=cashier)
    only = os.environ.get("ONLY", "")
    for size, label in ((TILL, "till"), (TABLET, "tablet"), (PHONE, "phone")):
        for scheme in ("light", "dark"):
            tag = f"{label}-{scheme}"
            if only and only not in tag: continue
            await db.execute('UPDATE pos.product SET current_stock = 3 WHERE id = $1', ids[3])
            await db.execute('UPDATE pos.product SET current_stock = 40 WHERE current_stock < 20 AND NOT id = ANY($1)', [ids[3], ids[4]])
            await page.resize(*size)
            await page._call(page._driver.execute_cdp_cmd, "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
            await page.open()
            await page.forget()
            await page.script("sessionStorage.clear()"); await page.load()
            await shot(page, f"{tag}-0-signin")
            try: await asyncio.wait_for(page.open(tokens), 8)
            except Exception:
                print('LOG', await page.log()); raise
            await page.until(page.found, lambda f: len(f) > 5)
            await shot(page, f"{tag}-1-empty")
            await page.type("#search", "pa")
            await page.until(page.found, lambda f: 0 < len(f) < 12)
            await shot(page, f"{tag}-2-search")
            await page.scan("99887766")
            await page.sees("#message", "99887766")
            await shot(page, f"{tag}-3-unknown")
            for n, q in ((0, "6*"), (1, ""), (16, "2*"), (9, ""), (14, ""), (6, "3*"), (3, "8*"), (20, "")):
                await page.scan(q + str(7501055300000 + n * 37))
            await page.until(page.lines, lambda found: len(found) == 8)
            await page.until(lambda: page.text("#total") if label != "phone" else page.text("#bar-total"), lambda t: "…" not in t)
            if label == "phone":
                await shot(page, f"{tag}-4a-added")
                await page.click("#view")
            await shot(page, f"{tag}-4-cart")
            if label == "phone": await page.script("document.getElementById('lines').scrollTop = 400"); await shot(page, f"{tag}-4c-cart")
            for _ in range(5): await page.script("const l=[...document.querySelectorAll('.line')].find(l=>l.textContent.includes('Huevo')); l.querySelector('[data-field=less]').click()")
            await page.key(Keys.F4); await page.opened("customer")
            await page.type("#customer-search", "mar")
            await page.until(lambda: page.text("#customers"), lambda t: "María" in t)
            await shot(page, f"{tag}-5-customer")
            await page.key(Keys.ENTER)
            await page.opened("customer", False)
            await page.key(Keys.F4); await page.opened("customer")
            await page.type("#customer-search", "2229998877"); await page.until(lambda: page.text("#customers-none"), lambda t: bool(t) and "three" not in t)
            await page.click("#new-customer-open"); await page.click("#new-customer [type=submit]"); await page.sees("#first_name-problem", "required")
            await shot(page, f"{tag}-6-newcustomer")
            await page.script("document.getElementById('customer').close()")
            await page.until(lambda: page.text("#total") if label != "phone" else page.script("return document.getElementById('bar-total').textContent"), lambda t: "…" not in t)
            await shot(page, f"{tag}-7-cartcustomer")
            await page.key(Keys.F8); await page.opened("pay")
            await shot(page, f"{tag}-8-methods")
            await page.key("1")
            await page.key(*"2000")
            await shot(page, f"{tag}-9-cash")
            await page.key(Keys.ENTER)
            await page.opened("receipt")
            await page.until(lambda: page.text("#receipt-text"), lambda t: len(t) > 50)
            await shot(page, f"{tag}-10-receipt")
            await page.script("document.querySelector('[name=paper][value=\"58\"]').click()"); await asyncio.sleep(.4)
            await shot(page, f"{tag}-10b-receipt58")
            await page.script("document.querySelector('[name=paper][value=\"80\"]').click()"); await asyncio.sleep(.4)
            await page.script("document.getElementById('receipt-next').click()")
            await page.opened("receipt", False)
            await page.key(Keys.F9); await page.until(lambda: page.text("#orders"), lambda t: "Pending" in t)
            await shot(page, f"{tag}-11-day")
            await page.script("[...document.querySelectorAll('.order')].find(o=>o.textContent.includes('Pending')).querySelector('button').click()")
            await shot(page, f"{tag}-12-dayopen")
            await page.script("[...document.querySelectorAll('.order')].find(o=>o.textContent.includes('Pending')).querySelector('[data-field=pay]').click()")
            await page.opened("pay")
            await shot(page, f"{tag}-13-pending")
            await page.script("document.getElementById('order-leave').click()")
            await page.script("document.getElementById('day').close()")
            await page.key(Keys.F1); await shot(page, f"{tag}-14-keys")
            await page.script("document.getElementById('keys').close()")
            logs = await page.log()
            print([l for l in logs if "400" not in l["message"]])
