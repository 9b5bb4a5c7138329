# hook call
f0:
    mov %r6, %r1
    mov %r0, -1
    ldxdw %r1, [%r6]
    ldxdw %r2, [%r6+8]
    sub %r2, %r1
    jlt %r2, 128, i24
    mov %r4, %r10
    add %r4, -256
    mov %r2, 8
    mov %r3, 16
    mov %r5, 16
    call 2
    mov %r0, 0
    ldxdw %r1, [%r6]
    ldxw %r1, [%r1]
    jeq32 %r1, 0, i24
    mov %r2, 0
    mov %r3, %r10
    add %r3, -248
    mov %r0, 0
    ja i25
i21:
    add %r3, 16
    add %r2, 1
    jlt %r2, %r1, i25
i24:
    exit
i25:
    ldxdw %r5, [%r3]
    ldxdw %r4, [%r3-8]
    mov %r6, %r4
    add %r6, 4
    jgt %r6, %r5, i21
    ldxw %r4, [%r4]
    add %r0, %r4
    ja i21
