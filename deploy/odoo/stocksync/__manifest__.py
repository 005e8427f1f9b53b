{
    "name": "stocksync",
    "summary": "Sold in Shopify: a checkbox on products, and the marks that stocksync reads",
    "version": "15.0.1.0.0",
    "category": "Inventory/Inventory",
    "author": "stocksync",
    "license": "LGPL-3",
    "depends": ["stock"],
    "data": ["views/product_views.xml"],
    "post_init_hook": "post_init_hook",
    "uninstall_hook": "uninstall_hook",
    "installable": True,
}
